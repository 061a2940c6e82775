// Java's own clients with a provider's address in the code: java.net.http, and the older one.
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;

class Ask {
    static final URI CHAT = URI.create("https://api.openai.com/v1/chat/completions");
    static final String KEY = "Bearer " + System.getenv("OPENAI_API_KEY");

    public static void main(String[] args) throws Exception {
        var request = HttpRequest.newBuilder(CHAT).header("content-type", "application/json").header("authorization", KEY)
            .POST(HttpRequest.BodyPublishers.ofString(body("newer"))).build();
        System.out.println("newer " + HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body());

        var connection = (HttpURLConnection) CHAT.toURL().openConnection();
        connection.setDoOutput(true);
        connection.setRequestProperty("content-type", "application/json");
        connection.setRequestProperty("authorization", KEY);
        connection.getOutputStream().write(body("older").getBytes(StandardCharsets.UTF_8));
        System.out.println("older " + new String(connection.getInputStream().readAllBytes(), StandardCharsets.UTF_8));

        // Without TLS, Java offers HTTP/2 with each request.
        var base = System.getenv("OPENAI_BASE_URL");
        var plain = HttpRequest.newBuilder(URI.create(base + "/chat/completions")).header("authorization", KEY)
            .POST(HttpRequest.BodyPublishers.ofString(body("plain"))).build();
        System.out.println("plain " + HttpClient.newHttpClient().send(plain, BodyHandlers.ofString()).body());
    }

    static String body(String text) {
        return "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"" + text + "\"}]}";
    }
}

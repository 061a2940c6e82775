import json
import boto3

client = boto3.client(
    "bedrock-runtime",
    endpoint_url="https://bedrock-runtime.us-east-1.amazonaws.com",  # hard-coded
    region_name="us-east-1",
    aws_access_key_id="AKIAEXAMPLE7F3A9C1E5",
    aws_secret_access_key="example/7f3a9c1e52d04b68/7f3a9c1e52d04b68",
)
model = "anthropic.claude-3-haiku-20240307-v1:0"
chat = client.converse(modelId=model, messages=[{"role": "user", "content": [{"text": "Which city is near Paris?"}]}])
stream = client.converse_stream(
    modelId=model, messages=[{"role": "user", "content": [{"text": "Which town is near Paris?"}]}]
)
parsed = [chat["output"], chat["stopReason"], chat["usage"]]
print(json.dumps({"chat": parsed, "stream": list(stream["stream"])}))

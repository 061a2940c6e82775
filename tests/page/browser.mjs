// Opens a page in Chromium and holds it to what no page of a report may do: ask for anything, or meet an error.

import { chromium } from "playwright-core";
import { execFileSync } from "node:child_process";
import { pathToFileURL } from "node:url";

export const [, , file, pictures] = process.argv;
export const address = pathToFileURL(file).href;

const started = await chromium.launch({
  executablePath: execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim(),
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--no-first-run"],
});

/** A window with the page in it; `hash` stands behind its address. */
export const open = async (options = {}, hash = "") => {
  const context = await started.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on("request", (request) => {
    if (!request.url().startsWith("file:") && !request.url().startsWith("data:")) wrong.push(`asked for ${request.url()}`);
    else if (request.url().startsWith("file:") && request.url().split("#")[0] !== address) wrong.push(`asked for ${request.url()}`);
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && wrong.push(message.text()));
  await page.goto(address + hash);
  page.wrong = wrong;
  return page;
};

export const done = async () => {
  await started.close();
  console.log("all done");
};

export const check = (what, is, wanted = true) => {
  const same = JSON.stringify(is) === JSON.stringify(wanted);
  console.log(`${same ? "ok" : "NOT"} ${what}${same ? "" : `: ${JSON.stringify(is)}, wanted ${JSON.stringify(wanted)}`}`);
  if (!same) process.exitCode = 1;
};

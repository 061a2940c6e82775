// The tests, which each runner gets its own words for: two files of each runner run at once.
"use strict";
const { whatToWear, byHttps } = require("./agent.cjs");

module.exports = function tests({ describe, test, beforeAll, retake }, file) {
  let first;
  beforeAll(async () => {
    first = await byHttps("Who are you?");
  });
  describe("advice", () => {
    for (let n = 0; n < 5; n++) {
      test(`${n} degrees`, async () => {
        const changed = process.env.CHANGED === `${file}${n}`;
        const said = await whatToWear(`${file}${n} degrees`, changed ? "What should I wear tonight?" : undefined);
        if (!said.includes(`${file}${n} degrees`)) throw new Error(said);
      });
    }
  });
  test("by node:https", async () => {
    const id = await byHttps("Who are you?");
    if (!first || !id.startsWith("call_")) throw new Error(`${first} ${id}`);
  });
  test("swallowed", async () => {
    if (process.env.CHANGED === `${file}s`) await whatToWear("none", "Never asked").catch(() => {});
  });
  test("a fault", async () => {
    await retake({ faults: [{ status: 429 }] });
    const status = await whatToWear("none").then(() => 200, (error) => error.status);
    if (status !== 429) throw new Error(`${status}`);
  });
};

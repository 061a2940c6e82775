// Set-up file for Jest: `setupFilesAfterEnv: ["retake-llm/jest"]`.
"use strict";

const session = require("./session.js");

const running = new session.Process();

/** Gives the running test faults, or hosts that it may reach: call it before the test asks for anything. */
const retake = (options = {}) => running.again(options);
/** The mode of the proxy; null without one. */
Object.defineProperty(retake, "mode", { get: () => running.mode });

/** Whether the running test has passed, as Jest's runner knows, and why not; nothing if it does not say. */
function ended() {
  const symbol = Object.getOwnPropertySymbols(globalThis).find((each) => each.description === "JEST_STATE_SYMBOL");
  const test = symbol && globalThis[symbol]?.currentlyRunningTest;
  return test ? [test.errors.length === 0, [test.errors[0]].flat()[0]] : [];
}

beforeAll(() => running.beginFile(session.relative(expect.getState().testPath)));
beforeEach(() => running.beginTest(expect.getState().currentTestName));
afterEach(() => running.endTest(...ended()));
afterAll(() => running.endFile());

module.exports = { retake };

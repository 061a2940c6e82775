// Set-up module for node:test: `node --import retake-llm/node-test --test`.
import { after, afterEach, before, beforeEach } from "node:test";
import session from "./session.js";

const running = new session.Process();

/** Gives the running test faults, or hosts that it may reach: call it before the test asks for anything. */
export const retake = (options = {}) => running.again(options);
/** The mode of the proxy; null without one. */
Object.defineProperty(retake, "mode", { get: () => running.mode });

const begin = () => running.beginFile(session.relative(process.argv[1] ?? "node:test"));
const { execArgv, env } = process;
if (!execArgv.some((word) => word === "--test" || word.startsWith("--test-isolation")) || env.NODE_TEST_CONTEXT) {
  // Now, and not in a hook: Node 24 does not wait for one before it runs those of the file.
  await begin();
} else if (execArgv.some((word) => /^--(experimental-)?test-isolation=none$/.test(word))) {
  // The process that starts the others runs the tests itself.
  before(begin);
}
beforeEach((test) => {
  const file = test.filePath ? session.relative(test.filePath) : undefined;
  return running.beginTest(test.fullName ?? test.name, file);
});
afterEach((test) => running.endTest(test.passed, test.error?.cause ?? test.error));
after(() => running.endFile());

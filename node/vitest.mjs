// Set-up file for Vitest: `setupFiles: ["retake-llm/vitest"]`.
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import session from "./session.js";

const running = new session.Process();

/** Gives the running test faults, or hosts that it may reach: call it before the test asks for anything. */
export const retake = (options = {}) => running.again(options);
/** The mode of the proxy; null without one. */
Object.defineProperty(retake, "mode", { get: () => running.mode });

const names = (task) => (task.suite && task.suite.name ? [...names(task.suite), task.name] : [task.name]);

// Tests are skipped by mode when they are collected, before any hook.
await running.look();

beforeAll(async () => running.beginFile(session.relative(expect.getState().testPath)));
beforeEach(async ({ task }) => running.beginTest(names(task).join(" > ")));
afterEach(async ({ task }) => running.endTest(task.result?.state !== "fail", task.result?.errors?.[0]));
afterAll(async () => running.endFile());

import { before, describe, test } from "node:test";
import { retake } from "retake-llm/node-test";
import tests from "./tests.cjs";

if (!retake.mode) throw new Error("tests cannot be skipped by mode");
tests({ describe, test, beforeAll: before, retake }, "a");

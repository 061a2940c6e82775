import { before, describe, test } from "node:test";
import { retake } from "retake-llm/node-test";
import tests from "./tests.cjs";

tests({ describe, test, beforeAll: before, retake }, "b");

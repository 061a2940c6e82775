import { beforeAll, describe, test } from "vitest";
import { retake } from "retake-llm/vitest";
import tests from "./tests.cjs";

if (!retake.mode) throw new Error("tests cannot be skipped by mode");
tests({ describe, test, beforeAll, retake }, "a");

import { beforeAll, describe, test } from "vitest";
import { retake } from "retake-llm/vitest";
import tests from "./tests.cjs";

tests({ describe, test, beforeAll, retake }, "a");

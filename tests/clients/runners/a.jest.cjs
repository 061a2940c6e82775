const { retake } = require("retake-llm/jest");

require("./tests.cjs")({ describe, test, beforeAll, retake }, "a");

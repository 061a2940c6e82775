module.exports = { setupFilesAfterEnv: ["retake-llm/jest"], testMatch: ["**/*.jest.cjs"], moduleFileExtensions: ["cjs", "js", "mjs"] };

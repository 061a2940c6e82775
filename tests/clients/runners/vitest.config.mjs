export default { test: { setupFiles: ["retake-llm/vitest"], include: ["*.vitest.mjs"] } };

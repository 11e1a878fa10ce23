/** The entry: one client, one journey, one page around it. */

const AGAIN_MS = 3_000;

try {
  const [{ Parley }, { start }] = await Promise.all([
    import("./parley.js"),
    import("./ui/start.js"),
  ]);
  await start(new Parley());
} catch (error) {
  // A file that did not arrive: the network changed just then. Nothing else of this kind passes.
  if (!(error instanceof TypeError) || !/fetch|import/i.test(error.message)) throw error;
  setTimeout(() => location.reload(), AGAIN_MS);
}

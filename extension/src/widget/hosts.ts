/** The origins that the server lets frame this page, and its own. */
export function listedHosts(): ReadonlySet<string> {
  const listed = document.querySelector<HTMLMetaElement>('meta[name="copilot-hosts"]')?.content ?? "";
  return new Set([location.origin, ...listed.split(" ").filter(Boolean)]);
}

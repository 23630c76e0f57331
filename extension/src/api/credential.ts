/** What is sent along to be let in, when it is not the same for ever. */
export interface Credential {
  /** The token to send now. Throws ApiError when there is none to be had. */
  token(): Promise<string>;
  /** Another one, after the server has refused `refused`; null when there is none. */
  instead(refused: string): Promise<string | null>;
}

/** An API key or token, or who knows which one to send now. */
export type Bearer = string | Credential;

/** Sends with the bearer's token; once more with another one when the server refuses the first. */
export async function sendAs(bearer: Bearer, send: (authorization: string) => Promise<Response>): Promise<Response> {
  if (typeof bearer === "string") return send(`Bearer ${bearer}`);
  const token = await bearer.token();
  const response = await send(`Bearer ${token}`);
  if (response.status !== 401) return response;
  const other = await bearer.instead(token);
  return other === null ? response : send(`Bearer ${other}`);
}

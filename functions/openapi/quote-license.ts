/** The notice for operators and readers in OpenAPI, README.md, llms.txt and the doctor. Markdown. */
export const QUOTE_LICENSE =
  "Quotes are licensed to the account of OpenD. Making them public may need the consent of the exchange and of Futu or moomoo. As an operator, set `API_KEYS`.";

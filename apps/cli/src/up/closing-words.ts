export interface ClosingFacts {
  readonly url: string;
  readonly email: string;
  /** The generated password, to be shown this once; null if it was shown before or the operator chose it. */
  readonly newPassword: string | null;
  /** A path that answers any principal who may view what the example upstream has; `/v1/whoami` with a policy of one's own. */
  readonly examplePath: string;
  readonly home: string;
  /** Whether objects go to the store of the examples, as no S3 upstream was given. */
  readonly exampleStore: boolean;
}

/** What the terminal shows when everything runs: where to go, who may enter, and three commands that work as they are. */
export function closingWords(facts: ClosingFacts): string {
  const { url, email, newPassword, home, exampleStore } = facts;
  return `
Portcullis runs at ${url}

  administrator   ${email}
${newPassword === null ? '' : `  password        ${newPassword}   (shown this once: keep it)\n`}  data and logs   ${home}
${exampleStore ? '  object storage  an example store, for trying out: set S3_UPSTREAM_URL for data that matters\n' : ''}
Three commands to try, one after the other:

${threeCommands(facts).join('\n\n')}

Ctrl-C stops it; what it knows stays in ${home}.
`;
}

/** Log in, make an API key, call the example through the gateway: sh, curl and sed are all they need. */
export function threeCommands({ url, email, newPassword, examplePath }: ClosingFacts): [string, string, string] {
  const json = `-H 'Content-Type: application/json'`;
  const login =
    newPassword === null
      ? // A quote or backslash in a password must not break the JSON it is put into.
        `printf 'Password: '; read -r PASSWORD; TOKEN=$(curl -s ${url}/v1/login ${json} -d "{\\"email\\":\\"${email}\\",\\"password\\":\\"$(printf %s "$PASSWORD" | sed 's/[\\\\"]/\\\\&/g')\\"}" | ${field('access_token')})`
      : `TOKEN=$(curl -s ${url}/v1/login ${json} -d '{"email":"${email}","password":"${newPassword}"}' | ${field('access_token')})`;
  return [
    login,
    `KEY=$(curl -s ${url}/v1/api-keys -H "Authorization: Bearer $TOKEN" ${json} -d '{"name":"first key","roles":["observer"]}' | ${field('bearer_token')})`,
    `curl -s ${url}${examplePath} -H "Authorization: Bearer $KEY"; echo`,
  ];
}

function field(name: string): string {
  return `sed -n 's/.*"${name}":"\\([^"]*\\)".*/\\1/p'`;
}

// The same work done elsewhere: each proxy as its documentation sets it up, with keep-alive to what it asks, one process or thread.
import { createPublicKey, hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, family, freePort, here, installed, start } from './programs.mjs';

/**
 * Starts whatever is installed. Answers for each name its port and the processes whose CPU counts, or `skipped` with a word.
 * @param given.apiKey the key that nginx, Caddy and HAProxy shall let pass
 * @param given.jwk the public key that HAProxy verifies tokens with
 */
export async function startProxies({ upstreamPort, apiKey, jwk, issuer, audience }) {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-proxies-'));
  const file = (name, text) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const keySha256 = hash('sha256', apiKey, 'hex');
  const authPort = await freePort();
  const auth = await start(process.execPath, [here('./peers/auth-service.mjs')], {
    env: { PORT: String(authPort), KEY_SHA256: keySha256 },
  });
  const httpProxy = async () => {
    const port = await freePort();
    const { pid } = await start(process.execPath, [here('./peers/http-proxy.mjs')], {
      env: { PORT: String(port), UPSTREAM: String(upstreamPort) },
    });
    return { port, pids: [pid] };
  };
  const nginx = async (command) => {
    const port = await freePort();
    const config = file('nginx.conf', nginxConfig({ folder, port, authPort, upstreamPort }));
    const { pid } = await start(command, ['-c', config, '-e', 'stderr'], { ready: () => answers(port) });
    return { port, pids: [...family(pid), auth.pid] };
  };
  const caddy = async (command) => {
    const port = await freePort();
    const config = file('Caddyfile', caddyfile({ port, authPort, upstreamPort }));
    const { pid } = await start(command, ['run', '--config', config, '--adapter', 'caddyfile'], {
      env: { HOME: folder, GOMAXPROCS: '1' },
      ready: () => answers(port),
    });
    return { port, pids: [pid, auth.pid] };
  };
  const haproxy = async (command) => {
    const ports = { jwt: await freePort(), key: await freePort() };
    const pem = file(
      'tokens.pem',
      createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
    );
    // A map of one line would flatter no one: a thousand keys beside ours.
    const others = Array.from({ length: 1000 }, (_, at) => `${hash('sha256', `other ${at}`, 'hex')} other`);
    const map = file('keys.map', [...others, `${keySha256} caller`, ''].join('\n'));
    const config = file('haproxy.cfg', haproxyConfig({ ports, pem, map, upstreamPort, issuer, audience }));
    const { pid } = await start(command, ['-db', '-f', config], { ready: () => answers(ports.jwt) });
    return { ports, pids: family(pid) };
  };
  const found = async (name, begin) => {
    const command = installed(name);
    if (!command) return { skipped: `${name} is not installed here` };
    return begin(command).catch((error) => ({ skipped: `${name} did not start: ${error.message.slice(0, 300)}` }));
  };
  const answered = {
    httpProxy: await httpProxy(),
    nginx: await found('nginx', nginx),
    caddy: await found('caddy', caddy),
    haproxy: await found('haproxy', haproxy),
  };
  return { ...answered, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const answers = (port) => eventually(() => fetch(`http://127.0.0.1:${port}/`).then(() => true), 1_000);

const nginxConfig = ({ folder, port, authPort, upstreamPort }) => `
worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  keepalive_requests 1000000;
  upstream service { server 127.0.0.1:${upstreamPort}; keepalive 64; keepalive_requests 1000000; }
  upstream auth { server 127.0.0.1:${authPort}; keepalive 64; keepalive_requests 1000000; }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  server {
    listen 127.0.0.1:${port};
    location / {
      auth_request /auth;
      auth_request_set $caller $upstream_http_x_caller;
      proxy_pass http://service;
      proxy_set_header Connection "";
      proxy_set_header Authorization "";
      proxy_set_header X-Caller $caller;
    }
    location = /auth {
      internal;
      proxy_pass http://auth;
      proxy_set_header Connection "";
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
    }
  }
}
`;

const caddyfile = ({ port, authPort, upstreamPort }) => `
{
  admin off
  auto_https off
  log {
    level ERROR
  }
}
http://127.0.0.1:${port} {
  forward_auth 127.0.0.1:${authPort} {
    uri /auth
    copy_headers X-Caller
  }
  reverse_proxy 127.0.0.1:${upstreamPort} {
    header_up -Authorization
  }
}
`;

const haproxyConfig = ({ ports, pem, map, upstreamPort, issuer, audience }) => `
global
  nbthread 1
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend jwt
  bind 127.0.0.1:${ports.jwt}
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')
  http-request set-var(txn.aud) var(txn.bearer),jwt_payload_query('$.aud')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.alg) -m str ES256 }
  http-request deny deny_status 401 unless { var(txn.iss) -m str ${issuer} }
  http-request deny deny_status 401 unless { var(txn.aud) -m str ${audience} }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"${pem}") -m int 1 }
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request del-header Authorization
  default_backend service
frontend key
  bind 127.0.0.1:${ports.key}
  http-request deny deny_status 401 unless { http_auth_bearer,sha2(256),hex,lower,map_str(${map}) -m found }
  http-request del-header Authorization
  default_backend service
backend service
  server service 127.0.0.1:${upstreamPort}
`;

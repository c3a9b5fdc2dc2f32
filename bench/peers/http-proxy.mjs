// @fastify/http-proxy as its README starts it: no authentication at all.
import proxy from '@fastify/http-proxy';
import { fastify } from 'fastify';

const server = fastify();
await server.register(proxy, { upstream: `http://127.0.0.1:${process.env.UPSTREAM}` });
await server.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
console.log('ready');

// What stands behind every proxy here: as little as a Node service can do.
import { createServer } from 'node:http';

const body = JSON.stringify({ items: [{ id: 'cp_1', name: 'Northwind Exchange', country: 'NL' }], next_cursor: null });
const headers = { 'Content-Type': 'application/json', 'Content-Length': String(body.length) };
createServer((request, response) => {
  request.resume();
  response.writeHead(200, headers).end(body);
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('ready'));

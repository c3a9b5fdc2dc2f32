import { completeEvent, newId, toCloudEvent, eventSubject, CloudEvent, AuditEvent } from '@portcullis/contracts';
import { canonicalJson, leafHash, leafEntry, saltedBytesHash } from '@portcullis/merkle-log';
import { readEvent } from '../apps/audit/dist/read-event.js';
import { sealEvent } from '../apps/audit/dist/seal-event.js';
import { binaryArray } from '../apps/audit/dist/binary-array.js';
const now = new Date();
const anEvent = (n) => completeEvent({ organization_id: 'org_bench', action: 'api-key.created',
  actor: { kind: 'user', id: `usr_${n % 50}`, credential_id: `ses_${n % 200}` }, resource: { kind: 'api-key', id: newId('key', now) },
  request_id: newId('req', now), client_ip: '192.0.2.1', details: { name: `key ${n}`, permissions: ['accounts:view', 'transactions:create'], networks: [] } },
  { id: newId('evt', now), time: now, service: 'api-key' });
const N=20000;
const msgs=Array.from({length:N},(_,n)=>{const e=anEvent(n);return {subject:eventSubject(e),data:Buffer.from(JSON.stringify(toCloudEvent(e)))}});
console.log('bytes',msgs[0].data.length);
const time=(name,f)=>{f();const c=process.cpuUsage();f();const d=process.cpuUsage(c);console.log(name,((d.user+d.system)/N).toFixed(2))};
let read, sealed;
const dec=new TextDecoder('utf-8',{fatal:true});
time('decode',()=>msgs.map(m=>dec.decode(m.data)));
const texts=msgs.map(m=>dec.decode(m.data));
time('JSON.parse',()=>texts.map(t=>JSON.parse(t)));
const objs=texts.map(t=>JSON.parse(t));
time('zod',()=>objs.map(o=>CloudEvent.safeParse(o)));
time('readEvent',()=>{read=msgs.map(m=>readEvent(m))});
time('seal',()=>{sealed=read.map(r=>sealEvent(r.event).sealed)});
time('canonical',()=>read.map(r=>canonicalJson(r.event)));
const can=read.map(r=>canonicalJson(r.event));
time('saltedhash',()=>can.map(c=>saltedBytesHash(c,sealed[0].salt)));
time('leaf',()=>can.map((c,i)=>leafHash(leafEntry(read[i].event.id,sealed[0].salt))));
time('arrays',()=>{for(let i=0;i<N;i+=1000){const s=sealed.slice(i,i+1000);const each=f=>binaryArray('text',s.map(x=>f(x.event)));
 [each(e=>e.id),each(e=>e.time),each(e=>e.organization_id),each(e=>e.action),each(e=>e.outcome),each(e=>e.actor.id),each(e=>e.actor.credential_id),each(e=>e.resource.kind),each(e=>e.resource.id),each(e=>e.request_id),binaryArray('bytea',s.map(x=>x.salt)),binaryArray('json',s.map(x=>x.text))]}});

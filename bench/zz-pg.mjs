import { mkdtempSync, rmSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { startPostgres } from '@portcullis/embedded';
import { completeEvent, newId } from '@portcullis/contracts';
import { sealEvent } from '../apps/audit/dist/seal-event.js';
import { binaryArray } from '../apps/audit/dist/binary-array.js';
import { cpuSeconds } from './programs.mjs';
const home = mkdtempSync(join(tmpdir(), 'rec-pg-')); chmodSync(home,0o755);
const pgs = await startPostgres({ dataDirectory: join(home,'pg'), password:'x', durable:true, log:()=>{} });
const client = new pg.Client({connectionString:pgs.url()}); await client.connect();
const backend=(await client.query('select pg_backend_pid() p')).rows[0].p;
const N=Number(process.argv[2]??60000), PRE=Number(process.argv[3]??60000);
const base=Date.now()-86400000;
const actions=['api-key.created','api-key.revoked','token.issued','session.created','request.denied','credential.refused','api-key.rotated','user.updated'];
const pick=(a)=>a[Math.floor(Math.random()**2*a.length)];
const orgs=Array.from({length:20},()=>newId('org',new Date(base)));
const users=Array.from({length:400},()=>newId('usr',new Date(base)));
const keys=Array.from({length:3000},()=>newId('key',new Date(base)));
const events=Array.from({length:N+PRE},(_,n)=>{const t=new Date(base+n*3);return sealEvent(completeEvent({organization_id:pick(orgs),action:pick(actions),outcome:Math.random()<.05?'denied':'success',
 actor:{kind:'user',id:pick(users),credential_id:pick(keys)},resource:{kind:'api-key',id:Math.random()<.3?newId('key',t):pick(keys)},request_id:newId('req',t),client_ip:'192.0.2.1',details:{name:`key ${n}`,permissions:['accounts:view','transactions:create'],networks:[]}},
 {id:newId('evt',t),time:t,service:'api-key'})).sealed});
const cols='leaf_index, id, time, organization_id, action, outcome, actor_id, credential_id, resource_kind, resource_id, request_id, salt, body';
const mk=(collate='')=>`create table event (leaf_index bigint primary key, id text ${collate} not null unique, time timestamptz not null, organization_id text${collate}, action text${collate} not null, outcome text${collate} not null, actor_id text${collate}, credential_id text${collate}, resource_kind text${collate} not null, resource_id text${collate}, request_id text${collate}, body json not null, salt bytea, reader text${collate} not null generated always as (coalesce(organization_id,'installation')) stored)`;
const ix=(d)=>({
 reader:`(reader, leaf_index ${d}) include (time)`, time:`(reader, time)`, action:`(reader, action, leaf_index ${d})`, actor:`(reader, left(actor_id,128), leaf_index ${d})`,
 cred:`(reader, left(credential_id,128), leaf_index ${d})`, res:`(reader, left(resource_id,128), leaf_index ${d})`, kind:`(reader, left(resource_kind,128), leaf_index ${d})`, req:`(reader, left(request_id,129), leaf_index ${d})`, outc:`(reader, outcome, leaf_index ${d}) where outcome <> 'success'`});
const desc=ix('desc'), asc=ix('');

const h='hashtextextended(reader,0)';
const oc="(reader, outcome, leaf_index) where outcome <> 'success'";
const S1=['(reader, leaf_index)','(reader, action, resource_kind, leaf_index)','(left(actor_id,128), reader, leaf_index) where actor_id is not null','(left(credential_id,128), reader, leaf_index) where credential_id is not null','(left(resource_id,128), reader, leaf_index) where resource_id is not null','(left(request_id,129), reader, leaf_index) where request_id is not null',oc];
const S2=[`(${h}, leaf_index)`,`(${h}, action, resource_kind, leaf_index)`,`(hashtextextended(actor_id,${h}), leaf_index)`,`(hashtextextended(credential_id,${h}), leaf_index)`,'(left(resource_id,128), hashtext(reader), leaf_index)','(left(request_id,129), hashtext(reader), leaf_index)',oc];
const S3=['(reader, leaf_index)','(reader, action, resource_kind, leaf_index)','(left(actor_id,128), hashtext(reader), leaf_index)','(left(credential_id,128), hashtext(reader), leaf_index)','(left(resource_id,128), hashtext(reader), leaf_index)','(left(request_id,129), hashtext(reader), leaf_index)',oc];
const S4=['(reader, leaf_index)','(reader, action, resource_kind, leaf_index)',`(hashtextextended(actor_id,${h}), leaf_index)`,`(hashtextextended(credential_id,${h}), leaf_index)`,'(left(resource_id,128), hashtext(reader), leaf_index)','(left(request_id,129), hashtext(reader), leaf_index)',oc];

const nn=(c,n)=>`(left(${c},${n}), reader, leaf_index) where ${c} is not null`;
const nh=(c,n)=>`(left(${c},${n}), ${h}, leaf_index) where ${c} is not null`;
const rn=(c,n)=>`(reader, left(${c},${n}), leaf_index) where ${c} is not null`;
const kind='(reader, left(resource_kind,128), leaf_index)', kindh=`(${h}, left(resource_kind,128), leaf_index)`, act='(reader, action, leaf_index)', acth=`(${h}, action, leaf_index)`;
const och=`(${h}, outcome, leaf_index) where outcome <> 'success'`;
const B=['(reader, leaf_index)',act,kind,nn('actor_id',128),nn('credential_id',128),nn('resource_id',128),nn('request_id',129),oc];
const Br=['(reader, leaf_index)',act,kind,rn('actor_id',128),rn('credential_id',128),rn('resource_id',128),rn('request_id',129),oc];
const C=[`(${h}, leaf_index)`,acth,kindh,nh('actor_id',128),nh('credential_id',128),nh('resource_id',128),nh('request_id',129),och];
const D=[`(${h}, leaf_index)`,`(${h}, action, left(resource_kind,128), leaf_index)`,nh('actor_id',128),nh('credential_id',128),nh('resource_id',128),nh('request_id',129),och];
const E=[`(${h}, leaf_index)`,acth,nh('actor_id',128),nh('credential_id',128),nh('resource_id',128),nh('request_id',129),och];
const sets={'all desc':Object.values(desc),'all asc':Object.values(asc),B,Br,C,D,E,'pk+id':[]};
const only=process.argv[4]?.split('|');
async function insert(index,sealed){const each=(f)=>binaryArray('text',sealed.map(({event})=>f(event)));
 await client.query({name:'ins',text:`insert into event (${cols})
     select $1::bigint + position - 1, id, time::timestamptz, organization_id, action, outcome, actor_id, credential_id,
            resource_kind, resource_id, request_id, salt, body
       from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                   $10::text[], $11::text[], $12::bytea[], $13::json[]) with ordinality
            as batch (id, time, organization_id, action, outcome, actor_id, credential_id, resource_kind, resource_id, request_id, salt, body, position)`,
 values:[index,each(e=>e.id),each(e=>e.time),each(e=>e.organization_id),each(e=>e.action),each(e=>e.outcome),each(e=>e.actor.id),each(e=>e.actor.credential_id),each(e=>e.resource.kind),each(e=>e.resource.id),each(e=>e.request_id),binaryArray('bytea',sealed.map(s=>s.salt)),binaryArray('json',sealed.map(s=>s.text))]});}
for(let rep=0;rep<Number(process.argv[5]??2);rep++) for (const [name,indexes] of Object.entries(sets)) {
 if(only&&!only.includes(name)) continue;
 await client.query('drop table if exists event'); await client.query('deallocate all').catch(()=>{}); client.connection.parsedStatements={};
 await client.query(mk());
 for(const i of indexes) await client.query(i.startsWith('using')?`create index on event ${i}`:`create index on event ${i}`);
 for(let at=0;at<PRE;at+=1000) await insert(at,events.slice(at,at+1000));
 await client.query('checkpoint');
 const l0=(await client.query('select pg_current_wal_lsn() l')).rows[0].l; const c0=cpuSeconds([backend]); const t=performance.now();
 for(let at=PRE;at<PRE+N;at+=1000) await insert(at,events.slice(at,at+1000));
 const wall=performance.now()-t, c=cpuSeconds([backend])-c0;
 const w=(await client.query('select pg_current_wal_lsn()-$1::pg_lsn d',[l0])).rows[0].d;
 console.log(name.padEnd(16),'cpu us/ev',(c/N*1e6).toFixed(1),'wal B/ev',(w/N).toFixed(0),'wall/s',(N/wall*1000).toFixed(0));
}
await client.end(); await pgs.stop(); rmSync(home,{recursive:true,force:true}); rmSync(pgs.dataDirectory,{recursive:true,force:true});

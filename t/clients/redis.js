// redis (node-redis): RESP2 and RESP3, replies, transactions, iteration.

const assert = require('node:assert');
const { createClient, WatchError } = require('redis');

async function use(port, RESP) {
    const client = createClient({ socket: { port, host: '127.0.0.1' }, RESP });
    client.on('error', (error) => { throw error; });
    await client.connect();

    const key = (name) => `node${RESP}:${name}`;

    assert.equal(await client.set(key('a'), 'A', {
        expiration: { type: 'EX', value: 100 }, condition: 'NX' }), 'OK');
    assert.equal(await client.set(key('a'), 'B', { condition: 'NX' }), null);
    assert.equal(await client.get(key('a')), 'A');
    assert.equal(await client.ttl(key('a')), 100);
    assert.equal(await client.getEx(key('a'), { type: 'PERSIST' }), 'A');
    assert.equal(await client.ttl(key('a')), -1);
    assert.equal(await client.incrBy(key('n'), 41), 41);
    assert.equal(await client.mSet({ [key('x')]: '1', [key('y')]: '2' }), 'OK');
    assert.deepEqual(await client.mGet([key('x'), key('none'), key('y')]),
                     ['1', null, '2']);
    assert.equal(await client.append(key('x'), '23'), 3);
    assert.equal(await client.getRange(key('x'), 1, -1), '23');
    assert.equal(await client.setBit(key('bits'), 7, 1), 0);
    assert.equal(await client.bitCount(key('bits')), 1);
    assert.equal(await client.exists([key('a'), key('none')]), 1);
    assert.equal(await client.type(key('a')), 'string');
    assert.equal(await client.copy(key('a'), key('b')), 1);
    assert.equal(await client.del([key('a'), key('b')]), 2);

    await assert.rejects(client.incr(key('bits')),
        { message: 'ERR value is not an integer or out of range' });

    assert.deepEqual(await client.multi().set(key('m'), 1).incr(key('m'))
                     .get(key('m')).exec(), ['OK', 2, '2']);

    const other = await client.duplicate().connect();
    await client.watch(key('m'));
    await other.incr(key('m'));
    await assert.rejects(client.multi().incr(key('m')).exec(), WatchError);
    other.destroy();

    const names = [...Array(300).keys()].map((i) => key(`scan:${i}`));
    await Promise.all(names.map((name) => client.set(name, 'v')));

    const found = new Set();
    for await (const page of client.scanIterator({ MATCH: key('scan:*') })) {
        page.forEach((name) => found.add(name));
    }
    assert.equal(found.size, 300);
    assert.equal(await client.unlink([...found]), 300);

    assert.match(await client.info('server'), /redis_version:/);
    assert.equal(typeof await client.clientId(), 'number');
    await client.close();
}

async function main(port) {
    await use(port, 2);
    await use(port, 3);
}

main(Number(process.argv[2]));

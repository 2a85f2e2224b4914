// connect-redis: sessions of express-session, as a web server uses them.

const assert = require('node:assert');
const http = require('node:http');
const { createClient } = require('redis');
const { RedisStore } = require('connect-redis');
const session = require('express-session');

async function main(port) {
    const client = createClient({ socket: { port, host: '127.0.0.1' } });
    await client.connect();

    const store = new RedisStore({ client, prefix: 'sess:', ttl: 60 });
    const handle = session({ store, secret: 'a secret', resave: false,
                             saveUninitialized: false });

    const server = http.createServer((request, response) => {
        handle(request, response, () => {
            if (request.url === '/out') {
                return request.session.destroy(() => response.end('out'));
            }
            request.session.visits = (request.session.visits || 0) + 1;
            response.end(String(request.session.visits));
        });
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));

    const url = `http://127.0.0.1:${server.address().port}`;
    const visit = async (path, cookie) => {
        const response = await fetch(url + path,
                                     { headers: cookie ? { cookie } : {} });
        return [await response.text(), response.headers.get('set-cookie')];
    };

    const [first, cookie] = await visit('/');
    assert.equal(first, '1');
    assert.equal((await visit('/', cookie))[0], '2');
    assert.equal((await visit('/', cookie))[0], '3');
    assert.equal((await visit('/'))[0], '1');
    assert.equal(await store.length(), 2);

    const [id] = await store.ids();
    const left = await client.ttl(`sess:${id}`);
    assert.ok(left > 0 && left <= 60, `ttl ${left}`);

    assert.equal((await visit('/out', cookie))[0], 'out');
    assert.equal(await store.length(), 1);
    assert.equal((await store.all())[0].visits, 1);
    assert.equal((await visit('/', cookie))[0], '1');

    await store.clear();
    assert.equal(await store.length(), 0);

    server.close();
    server.closeAllConnections();
    await client.close();
}

main(Number(process.argv[2]));

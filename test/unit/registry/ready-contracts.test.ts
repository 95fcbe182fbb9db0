import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Contract, ContractKind, Extraction } from '../../../src/core/contract.js';
import { loadEngines } from '../../../src/registry/engines.js';
import { compileJson } from '../../../src/registry/json-engine.js';
import type { JsonChecker } from '../../../src/registry/json-engine.js';
import { compileXml } from '../../../src/registry/xml-engine.js';
import type { XmlChecker } from '../../../src/registry/xml-engine.js';
import { fixtures } from '../formats/fixtures.js';

const SCRIPT = fileURLToPath(new URL('../../../examples/register-contracts/register.mjs', import.meta.url));
const FOLDER = new URL('../../../schemas/contracts/', import.meta.url);
const run = promisify(execFile);

/** A ready contract as it is sent to the server. */
interface Body {
  readonly kind: ContractKind;
  readonly schema: unknown;
  readonly imports: Readonly<Record<string, string>>;
  readonly namespaces?: Readonly<Record<string, string>>;
  readonly assertions: readonly { readonly test: unknown; readonly message: string }[];
  readonly categories: readonly Extraction[];
  readonly private: readonly string[];
  readonly example: unknown;
}

async function readyContract(name: string): Promise<Body> {
  const { stdout } = await run(process.execPath, [SCRIPT, fileURLToPath(new URL(name, FOLDER))]);
  return JSON.parse(stdout) as Body;
}

function contractOf({ schema, assertions, example, ...rest }: Body): Contract {
  const text = (value: unknown): string => (rest.kind === 'json-schema' ? JSON.stringify(value) : (value as string));
  return {
    namespaces: {},
    ...rest,
    schema: text(schema),
    assertions: assertions.map(({ test, message }) => ({ test: text(test), message })),
    example: text(example),
  };
}

const samples = new Map(fixtures().map(({ name, text }) => [name.slice(0, 2), text]));
const sample = (number: string): string => samples.get(number) ?? expect.fail(`there is no sample ${number}`);

const partOf = (number: string, pattern: RegExp): string => pattern.exec(sample(number))?.[0] ?? expect.fail();

function changed(number: string, from: string, to: string): string {
  const text = sample(number);
  expect(text, `sample ${number}`).to.include(from);
  return text.replace(from, to);
}

/** The categories of a text whose prefix is one of the contract's. */
function termsOf(entry: string, categories: readonly Extraction[]): string[] {
  const terms = [...entry.matchAll(/<atom:category term="([^"]*)"/g)].map(([, term = '']) => term);
  return terms.filter((term) => categories.some(({ prefix }) => term.startsWith(`${prefix}:`)));
}

describe('the ready contract for usage events', () => {
  let body: Body;
  let checker: XmlChecker;

  before(async () => {
    body = await readyContract('usage-event');
    const compiled = compileXml(contractOf(body));
    if ('mistakes' in compiled) expect.fail(JSON.stringify(compiled.mistakes));
    checker = compiled.checker;
  });

  after(() => {
    checker.dispose();
  });

  const EVENTS = ['01', '02', '03', '04', '05', '06', '07', '08', '09', '11', '12', '13'];
  const USAGE = ['01', '04', '05', '06', '07', '12'];

  for (const number of EVENTS) {
    it(`takes sample ${number}, whose categories agree with its content`, () => {
      const { findings, terms } = checker.check(sample(number));
      expect(findings).to.deep.equal([]);
      expect(termsOf(sample(number), body.categories)).to.include.members(terms);
    });
  }

  for (const number of USAGE) {
    it(`makes the categories of sample ${number}, all five, of its content`, () => {
      const { terms } = checker.check(sample(number));
      expect(terms).to.have.length(5);
      expect(terms).to.have.members(termsOf(sample(number), body.categories));
    });
  }

  it('makes tid:, rid: and rgn: of an event that is not usage, and leaves dc: and type: to the publisher', () => {
    const { terms } = checker.check(sample('03'));
    expect(terms).to.have.members(['tid:6140233', 'rid:sg-5518', 'rgn:ORD']);
  });

  it('takes usage of a product that it does not know, whose type: only the publisher can say', () => {
    const { findings, terms } = checker.check(
      changed('06', 'http://schemas.example.org/usage/objects', 'urn:objects:1'),
    );
    expect(findings).to.deep.equal([]);
    expect(terms).to.have.length(4);
    expect(terms.filter((term) => term.startsWith('type:'))).to.deep.equal([]);
  });

  for (const [number, about] of [
    ['10', 'an audit event'],
    ['14', 'JSON'],
    ['15', 'the wrapper of a dead letter'],
    ['16', 'JSON as text'],
  ] as const) {
    it(`refuses sample ${number}, which is ${about}`, () => {
      const [first] = checker.check(sample(number)).findings;
      expect(first?.message).to.match(/No matching global declaration|holds no element/);
    });
  }

  it('can be registered, with its example', async () => {
    const engines = await loadEngines();
    expect(await engines.mistakesIn(contractOf(body))).to.deep.equal([]);
  });

  it('knows an attribute for each path that is private', () => {
    expect(body.private).to.include.members(['@resourceName', 'lb:product/lb:vip/@address']);
    for (const path of body.private) expect(sample('01') + sample('02') + sample('04')).to.include(nameIn(path));
  });

  // [what, of which sample, what of it is replaced, by what, how it is refused]
  const REFUSED: [string, string, string, string, ...RegExp[]][] = [
    ['an id that is not the entry’s', '01', 'id="3f', 'id="4f', /entry's id must be urn:uuid:/],
    ['an id that is no UUID', '01', 'id="3f7c1d52-', 'id="', /attribute id: .*pattern/, /entry's id must be/],
    ['an unknown type', '02', 'type="DOWN"', 'type="BROKEN"', /attribute type: .*enumeration/],
    ['a core version to come', '02', 'version="1" type', 'version="3" type', /attribute version: .*enumeration/],
    ['a tenant of two words', '01', 'tenantId="6140233"', 'tenantId="6140 233"', /attribute tenantId: .*pattern/],
    ['no tenant', '01', ' tenantId="6140233"', '', /'tenantId' is required/],
    ['an attribute that nobody knows', '01', 'tenantId=', 'tenant="1" tenantId=', /'tenant' is not allowed/],
    ['an unknown severity', '02', 'severity="CRITICAL"', 'severity="BAD"', /severity: .*enumeration/],
    ['usage of nothing', '07', partOf('07', / resourceId="[^"]*"/), '', /name its resource/],
    ['usage without an end', '01', 'endTime=', 'eventTime=', /must have startTime and endTime/],
    ['a summary without a beginning', '12', 'startTime="2024-03-11T00:00:00Z"', '', /must have startTime and endTime/],
    ['a time that is not UTC', '01', '15:00:00Z"', '17:00:00+02:00"', /attribute endTime: .*pattern/],
    ['a day that is not there', '06', 'Time="2024-03-12', 'Time="2024-02-30', /eventTime: .*not a valid value/],
    ['an end before the beginning', '01', 'endTime="2024-03-11T15', 'endTime="2024-03-11T13', /before endTime/],
    ['an end at the beginning', '01', 'endTime="2024-03-11T15', 'endTime="2024-03-11T14', /before endTime/],
    ['an end in the year before', '01', 'endTime="2024', 'endTime="2023', /before endTime/],
    ['a snapshot without its time', '06', 'eventTime="2024-03-12T00:00:00Z"', '', /must have eventTime/],
    ['a data centre that is not the event’s', '02', 'dc:ORD1', 'dc:ORD2', /category dc: must be/],
    ['an event without a type', '02', 'term="type:compute', 'term="compute', /must have a category type:/],
    ['an event without a product', '06', partOf('06', /<ob:product[^>]*>/), '', /Missing child element/],
    ['an element that is no product', '06', '<ob:product', '<ob:thing', /must be a product/],
    ['a product in the namespace of the event', '06', '<ob:product', '<product', /This element is not expected/],
    ['a server in another namespace', '01', 'compute/instances"', 'compute/instance"', /of its own namespace/],
    ['a server with half a processor', '01', 'vcpus="4"', 'vcpus="0.5"', /attribute vcpus: .*positiveInteger/],
    ['a server without its processors', '01', 'vcpus="4"', '', /usage of a server must have vcpus/],
    ['another service code', '01', 'serviceCode="Compute"', 'serviceCode="Compte"', /serviceCode: .*fixed/],
    ['a product version to come', '01', 'version="3"', 'version="4"', /attribute version: .*enumeration/],
    ['a summary without totals', '12', partOf('12', /<ins:total[^]*(?=<ins:part)/), '', /must have a total/],
    ['a balancer with fewer addresses than it says', '04', 'numVips="2"', 'numVips="3"', /numVips must be/],
    ['a balancer with a negative mean', '04', '"212.75"', '"-1"', /attribute avgConcurrentConnections: .*minInclusive/],
    ['a port beyond 65535', '04', 'port="8443"', 'port="84430"', /attribute port: .*not a valid value/],
    ['nodes before addresses', '04', '<lb:vip id', '<lb:node/><lb:vip id', /This element is not expected/],
    ['a database that nobody knows', '07', '"MYSQL"', '"ORACLE"', /attribute resourceType: .*enumeration/],
    ['a backup that is somehow encrypted', '05', 'encrypted="true"', 'encrypted="yes"', /encrypted: .*boolean/],
    ['a backup without its system', '05', partOf('05', /<bk:os [^>]*>/), '', /Expected is .*os/],
    ['a job that ended somehow', '05', '"COMPLETED"', '"DONE"', /attribute result: .*enumeration/],
  ];
  for (const [what, number, from, to, ...reasons] of REFUSED) {
    it(`refuses ${what}`, () => {
      const { findings } = checker.check(changed(number, from, to));
      const messages = findings.map(({ message }) => message);
      expect(messages, JSON.stringify(messages)).to.have.length(reasons.length);
      reasons.forEach((reason, index) => expect(messages[index]).to.match(reason));
    });
  }
});

/** `lb:product/lb:vip/@address` → `address` */
function nameIn(path: string): string {
  return ` ${path.slice(path.lastIndexOf('@') + 1)}="`;
}

describe('the ready contract for order events', () => {
  let body: Body;
  let checker: JsonChecker;

  before(async () => {
    body = await readyContract('order-event');
    const compiled = compileJson(contractOf(body));
    if ('mistakes' in compiled) expect.fail(JSON.stringify(compiled.mistakes));
    checker = compiled.checker;
  });

  for (const number of ['14', '16']) {
    it(`takes sample ${number}, and makes its category tid: of the account`, () => {
      const { findings, terms } = checker.check(jsonOf(number), false);
      expect(findings).to.deep.equal([]);
      expect(terms).to.deep.equal(termsOf(sample(number), body.categories));
    });
  }

  it('takes its own example, in which all that is private is there', () => {
    const json = JSON.stringify(body.example);
    expect(checker.check(json, false).findings).to.deep.equal([]);
    for (const path of body.private) expect(json).to.include(`"${path.slice(path.lastIndexOf('/') + 1)}":`);
  });

  // [what, what of sample 14 is replaced, by what, where and how it is refused]
  const REFUSED: [string, string, string, Record<string, string>][] = [
    ['an order without a number', '"orderId":"SO-88213",', '', { '/order/orderId': 'is missing' }],
    ['a number of another kind', 'SO-88213', '88213', { '/order/orderId': 'is "88213", expected SO- and a number' }],
    ['a time that is none', '2024-03-12T10', '2024-03-12T25', { '/order/placedAt': 'expected a time' }],
    ['an order of nobody', '"account":"020-118345",', '', { '/order/customer/account': 'is missing' }],
    ['a member that nobody knows', '"note"', '"notes"', { '/order/notes': 'did you mean "note"?' }],
    ['a price as text', '120', '"120"', { '/order/lines/1/price': 'expected a number' }],
    ['a negative price', '49.5', '-49.5', { '/order/lines/0/price': 'expected 0 or more' }],
    ['one and a half things', '"qty":3', '"qty":1.5', { '/order/lines/1/qty': 'expected an integer' }],
    ['a term that is no duration', 'P1Y', '1 year', { '/order/lines/1/term': 'expected how long it runs' }],
    [
      'an order of nothing',
      /"lines":\[.*\]/.exec(jsonOf('14'))?.[0] ?? '',
      '"lines":[]',
      { '/order/lines': 'at least 1' },
    ],
    ['many things in a rush', '"qty":3', '"qty":101', { '/order/lines/1/qty': 'a rush order can have' }],
    ['a trial without a term', '"trial":false', '"trial":true', { '/order/lines/0/term': 'every line of a trial' }],
    [
      'two wrongs, and tells both',
      '"qty":3,"price":120',
      '"qty":200,"price":null',
      { '/order/lines/1/price': 'expected a number', '/order/lines/1/qty': 'a rush order can have' },
    ],
  ];
  for (const [what, from, to, told] of REFUSED) {
    it(`refuses ${what}`, () => {
      const json = jsonOf('14');
      expect(json).to.include(from);
      const { findings } = checker.check(json.replace(from, to), false);
      const places = findings.map(({ place }) => (place.kind === 'json' ? place.pointer : place.kind));
      expect(places, JSON.stringify(findings)).to.deep.equal(Object.keys(told));
      findings.forEach(({ message }, index) => expect(message).to.include(Object.values(told)[index]));
    });
  }

  it('takes many things in an order that is in no hurry', () => {
    const json = jsonOf('14').replace('"rush":true', '"rush":false').replace('"qty":3', '"qty":101');
    expect(checker.check(json, false).findings).to.deep.equal([]);
  });
});

/** The content of a sample, without white space. */
function jsonOf(number: string): string {
  const [, text = ''] = /<atom:content type="application\/json">([^]*)<\/atom:content>/.exec(sample(number)) ?? [];
  const json = number === '14' ? Buffer.from(text, 'base64').toString() : text;
  return JSON.stringify(JSON.parse(json.replaceAll('&lt;', '<').replaceAll('&amp;', '&')));
}

describe('the example that registers contracts', () => {
  it('sends the contract with the token to the feed that it is given, and fails with the server’s answer', async () => {
    const seen: { method?: string; url?: string; token?: string; body: string }[] = [];
    const server = createServer((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => {
        seen.push({ method: req.method!, url: req.url!, token: req.headers.authorization!, body });
        res.writeHead(seen.length === 1 ? 201 : 409).end(seen.length === 1 ? '{"version": 1}' : '{"status": 409}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const env = { MILLRACE_URL: `http://127.0.0.1:${String(port)}`, MILLRACE_TOKEN: 'mra_test' };
      const args = [SCRIPT, fileURLToPath(new URL('order-event', FOLDER)), 'demo/orders'];
      expect((await run(process.execPath, args, { env })).stdout).to.equal('{"version": 1}\n');
      expect(seen[0]).to.include({ method: 'POST', url: '/admin/feeds/demo/orders/schemas', token: 'Bearer mra_test' });
      expect(JSON.parse(seen[0]?.body ?? '')).to.deep.equal(await readyContract('order-event'));
      const refused: unknown = await run(process.execPath, args, { env }).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refused).to.include({ code: 1, stdout: '{"status": 409}\n' });
    } finally {
      server.close();
    }
  });
});

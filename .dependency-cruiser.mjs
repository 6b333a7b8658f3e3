// The walls between the rooms of services/. Every rule says in its comment why it stands; the
// comment is printed with each violation. docs/architecture.md draws the same picture in words.
//
// Tests and the shared suites of a port's drivers may look over the walls, and the programs around
// the services (scripts/, benchmarks, chaos) may import every room, so most rules start from a
// room's own code only.

const tests = '\\.test\\.ts$|/(test|testing)/';
/** Rooms that are not part of the product: nothing of it may need them. */
const programs = 'benchmarks|chaos';
/** @param {string} room */
const codeOf = (room) => ({ path: `^services/(${room})/`, pathNot: tests });
/** Every room except these. @param {string} rooms */
const roomsOtherThan = (rooms) => `^services/(?!(${rooms})/)[^/]+/`;
/** Every room of the product except these. @param {string} rooms */
const productOtherThan = (rooms) => roomsOtherThan(`${rooms}|${programs}|testing`);
/** An installed package, by where it lies. @param {string} name */
const installed = (name) => `(^|/)node_modules/(${name})(/|$)`;

/** Which room alone may know a technology, and what the others use instead. */
const owners = [
  ['messaging', 'amqplib|@types/amqplib', 'AMQP', 'the broker port (connect, publish, consume)'],
  ['storage', '@aws-sdk/[^/]+|@smithy/[^/]+', 'S3', 'the object-store port'],
  [
    'generations',
    'kysely|kysely-[^/]+|pg|pg-[^/]+|@types/pg|@electric-sql/[^/]+',
    'SQL',
    'the generations store',
  ],
  [
    'lifecycle',
    '@opentelemetry/(?!(api|semantic-conventions)/)[^/]+',
    "OpenTelemetry's SDK",
    'createMetrics, startTracing and the interfaces of @opentelemetry/api',
  ],
  ['uploads', 'sharp|@img/[^/]+', 'libvips', 'what @darkroom/uploads exports'],
  ['diffusion', 'onnxruntime-[^/]+|@huggingface/tokenizers', 'onnxruntime', 'the pipeline'],
];

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment:
        'Modules that import each other in a circle can only be read, tested and loaded together. ' +
        'Move what both need into a third file, or make one of the imports a parameter.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment:
        'This import leads nowhere. Another room is imported by its package name alone ' +
        "('@darkroom/ROOM', what its index.ts exports): its inner files may move at any time.",
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'rooms-by-package-name',
      comment:
        "A relative path into another room goes around that room's index.ts, so its inner files " +
        "could never move. Import '@darkroom/ROOM', and export there what is meant for others.",
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/', dependencyTypes: ['local'] },
    },
    {
      name: 'contract-imports-zod-alone',
      comment:
        'The contract is the words both sides share and is loaded by everything, clients ' +
        'included: anything it imports, everybody imports.',
      severity: 'error',
      from: codeOf('contract'),
      to: { pathNot: ['^services/contract/', installed('zod')] },
    },
    {
      name: 'diffusion-stands-alone',
      comment:
        'The engine is mathematics over files: it must stay usable and testable without the ' +
        'service around it, so it imports no other room and no network.',
      severity: 'error',
      from: codeOf('diffusion'),
      to: {
        path: [
          roomsOtherThan('diffusion'),
          '^(node:)?(http|https|http2|net|tls|dgram|dns)$',
          installed('fastify|undici|@trpc/[^/]+'),
        ],
      },
    },
    {
      name: 'timing-stands-alone',
      comment:
        'Pauses, growing delays and time limits know nothing of what is waited for, so every room ' +
        'can use them: an import would become an import of every room.',
      severity: 'error',
      from: codeOf('timing'),
      to: { pathNot: '^services/timing/' },
    },
    ...['messaging', 'storage', 'uploads', 'generations', 'lifecycle', 'kubernetes', 'hub'].map(
      (room) => ({
        name: `${room}-imports-no-other-library`,
        comment:
          'The libraries at the bottom know the words of the contract, how to wait, and not each ' +
          'other, so each can be replaced, tested and read by itself. What must be combined is ' +
          'combined by a service, which gets both as arguments.',
        severity: /** @type {const} */ ('error'),
        from: codeOf(room),
        to: { path: roomsOtherThan(`${room}|contract|timing`) },
      }),
    ),
    {
      name: 'frontend-without-worker',
      comment:
        'Frontend and worker are deployed apart and roll out in any order: they meet in messages ' +
        'and records only. What both need belongs to contract or to a library.',
      severity: 'error',
      from: codeOf('frontend'),
      to: { path: '^services/(worker|diffusion|client)/' },
    },
    {
      name: 'worker-without-frontend',
      comment:
        'Frontend and worker are deployed apart and roll out in any order: they meet in messages ' +
        'and records only. What both need belongs to contract or to a library.',
      severity: 'error',
      from: codeOf('worker'),
      to: { path: '^services/(frontend|client)/' },
    },
    {
      name: 'accept-knows-no-protocol',
      comment:
        "The frontend's use cases (accept/, admission/, background/) are the same for every API: " +
        'what they ask of tRPC, Fastify or an adapter, each other adapter would lack. Translate in ' +
        'the adapter (trpc/, http/), and pass what is left as an argument.',
      severity: 'error',
      from: { path: '^services/frontend/(accept|admission|background)/', pathNot: tests },
      to: {
        path: ['^services/frontend/(trpc|http)/', installed('fastify|@fastify/[^/]+|@trpc/[^/]+')],
      },
    },
    {
      name: 'gpu-simulator-stands-beside',
      comment:
        'The GPU simulator is deployed beside the service and meets it in metrics and ' +
        'environment variables only, so that a node with real GPUs can do without it.',
      severity: 'error',
      from: codeOf('gpu-simulator'),
      to: { path: roomsOtherThan('gpu-simulator|kubernetes|lifecycle|timing') },
    },
    {
      name: 'nobody-imports-gpu-simulator',
      comment:
        'The GPU simulator is a process on nodes without GPUs. What needs it in code would not run ' +
        'where the GPUs are real.',
      severity: 'error',
      from: { path: roomsOtherThan('gpu-simulator') },
      to: { path: '^services/gpu-simulator/' },
    },
    {
      name: 'only-gpu-simulator-knows-grpc',
      comment:
        'Only services/gpu-simulator speaks gRPC, because the kubelet does. The services meet in ' +
        'HTTP, messages and records.',
      severity: 'error',
      from: { path: productOtherThan('gpu-simulator'), pathNot: tests },
      to: { path: installed('@grpc/[^/]+') },
    },
    {
      name: 'only-platform-rooms-know-kubernetes',
      comment:
        'The service runs without Kubernetes, and its pods hold no token for its API. What must ' +
        'ask the API is a process of its own with the rights for that alone.',
      severity: 'error',
      from: { path: productOtherThan('gpu-simulator|deletion-cost|kubernetes'), pathNot: tests },
      to: { path: [installed('@kubernetes/client-node'), '^services/kubernetes/'] },
    },
    {
      name: 'client-takes-types-alone',
      comment:
        "The client is installed by strangers and must bring no server code: it takes the router's " +
        'type with `import type`, which leaves nothing behind at run time.',
      severity: 'error',
      from: codeOf('client'),
      to: { path: roomsOtherThan('client|contract'), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nobody-imports-embedded',
      comment:
        'embedded is a composition root: it wires everything together, so importing it from a ' +
        'room would pull in the whole house and close a circle.',
      severity: 'error',
      from: { path: productOtherThan('embedded'), pathNot: tests },
      to: { path: '^services/embedded/' },
    },
    {
      name: 'nobody-imports-scripts',
      comment:
        'scripts/ are commands around the services, the outermost layer. A service that needs ' +
        'one of them has it in the wrong place. The benchmark of scale is such a command itself: it ' +
        'makes a cluster.',
      severity: 'error',
      from: { path: '^services/', pathNot: '^services/benchmarks/scale' },
      to: { path: '^scripts/' },
    },
    {
      name: 'nobody-imports-programs',
      comment:
        'Benchmarks and the chaos suite look at the services from outside: what a service needs of ' +
        'them belongs to a library.',
      severity: 'error',
      from: { path: roomsOtherThan(programs) },
      to: { path: `^services/(${programs})/` },
    },
    {
      name: 'deletion-cost-stands-beside',
      comment:
        'What keeps the deletion costs holds rights in the Kubernetes API, so it is small and meets ' +
        'the service in one HTTP answer only. It needs no client of the record, the broker or the store.',
      severity: 'error',
      from: codeOf('deletion-cost'),
      to: { path: roomsOtherThan('deletion-cost|kubernetes|lifecycle|timing') },
    },
    {
      name: 'drift-stands-beside',
      comment:
        "The drift check reads the cluster with the promotion's own code, which gets these parts from " +
        'here. They need no client of the record, the broker or the store.',
      severity: 'error',
      from: codeOf('drift'),
      to: { path: roomsOtherThan('drift|lifecycle|timing') },
    },
    {
      name: 'live-update-stands-alone',
      comment:
        'live-update runs the other programs in development images and goes on when their code is ' +
        'broken, so it shares none of it.',
      severity: 'error',
      from: codeOf('live-update'),
      to: { path: roomsOtherThan('live-update') },
    },
    {
      name: 'testing-is-for-tests',
      comment:
        "services/testing starts servers and brings the tests' packages, which no image has. Only " +
        'tests, and the programs around the services, import it.',
      severity: 'error',
      from: { path: productOtherThan('testing'), pathNot: tests },
      to: { path: '^services/testing/' },
    },
    {
      name: 'testing-imports-no-room',
      comment:
        'The servers of the tests lie below all rooms, whose tests import them: an import of a room ' +
        'would close a circle.',
      severity: 'error',
      from: { path: '^services/testing/' },
      to: { path: roomsOtherThan('testing') },
    },
    ...owners.map(([room, packages, technology, instead]) => ({
      name: `only-${room}-knows-${technology}`.toLowerCase(),
      comment:
        `Only services/${room} speaks ${technology}, so that it can be exchanged and its ` +
        `failures are handled in one place. Use ${instead} of @darkroom/${room} instead.`,
      severity: /** @type {const} */ ('error'),
      from: { path: productOtherThan(room), pathNot: tests },
      to: { path: installed(packages) },
    })),
    {
      name: 'services-declare-their-packages',
      comment:
        "A service's image installs the dependencies of its own package.json and nothing else, so " +
        'this import would fail there. Add the package to the room that imports it.',
      severity: 'error',
      // The client has no image; what packs it is at work before it is published.
      from: { path: '^services/', pathNot: [tests, '^services/client/packing/'] },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['type-only'],
      },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    // `import type` counts: a wall that types may cross freely is a wall on paper.
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      mainFields: ['module', 'main'],
    },
  },
};

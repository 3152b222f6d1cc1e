/** How the shell blocks of a guide run in a test: each in order, in one shell, as written but for what stands here. */
export interface Guide {
  /** With what its HOME begins: nothing, or the PKI of the factory acme in `$HOME/acme`. */
  readonly begins: 'empty' | 'with a PKI'
  readonly env?: Readonly<Record<string, string>>
  /** Texts that are replaced: places that a test must not write to, ports, and answers to questions of a terminal. */
  readonly instead?: readonly (readonly [written: string, run: string])[]
  /** Ports that are replaced wherever they are, and the variables with a free port. */
  readonly ports?: Readonly<Record<string, string>>
  /** What a reader has at hand when they get to a line: the shell lines that make it. */
  readonly before?: readonly (readonly [line: string, shell: string])[]
  /** Lines that cannot run in a test, each with the reason. */
  readonly notHere?: readonly (readonly [line: string, reason: string])[]
}

/** Guides that have a test elsewhere, which fails on a further block, too. */
export const WITH_TESTS_OF_THEIR_OWN: Readonly<Record<string, string>> = {
  'docs/ceremony.md': 'ceremony.test.ts',
  'docs/ci.md': 'docs-ci.test.ts',
  'docs/hsm.md': 'docs.test.ts',
  'docs/cli.md':
    'a reference, whose examples stand alone: documents.test.ts compares their commands and flags with the program',
}

const PASSPHRASE = { FPKI_PASSPHRASE: 'nine lives of a fish' }

/** A root of the reader's own, for the factory `name`: root.pem and root.key. */
const ownRoot = (name: string) =>
  [
    'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -utf8 -days 7300 -keyout root.key -out root.pem',
    `-subj "/CN=Factory-CA/OU=${name}" -addext keyUsage=critical,keyCertSign,cRLSign`,
    '-addext extendedKeyUsage=serverAuth,clientAuth',
  ].join(' ')

/** A request, NAME.csr; its key is NAME.key. */
const request = (name: string, subject: string) =>
  `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -utf8 -keyout ${name}.key -out ${name}.csr -subj ${subject}`

/** A device's certificate, device.pem, which local-ca of `acme` signs. */
const DEVICE = [
  request('device', '/CN=5f0e1c2d-0000-4000-8000-000000000001/OU=acme'),
  "printf 'keyUsage=critical,digitalSignature\\nextendedKeyUsage=clientAuth\\n' > device.ext",
  'openssl x509 -req -in device.csr -CA acme/local-ca.pem -CAkey acme/local-ca.key -days 365 -extfile device.ext -out device.pem',
].join('\n')

/** nginx with a configuration in the HOME; it is stopped with the shell. */
const NGINX = [
  `nginx() { command nginx -p "$HOME" -e "$HOME/error.log" -c "$HOME/nginx.conf" "$@"; }`,
  // Ordinary users cannot write to those of the system.
  `own='${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${of};`).join(' ')}'`,
  `echo "pid $HOME/nginx.pid; events {} http { access_log off; $own include $HOME/srv/gateway/nginx.conf; }" > nginx.conf`,
  'nginx',
  'until [ -s nginx.pid ]; do sleep 0.05; done; running="$running $(cat nginx.pid)"',
].join('\n')

/** `background WORDS`: a service of fpki that runs until the shell ends. */
const BACKGROUND = [
  'background() {',
  '  rm -f ready',
  '  fpki "$@" > /dev/null 2> ready &',
  '  running="$running $!"',
  '  until grep -qsE "^(Registering devices at|Renewing certificates at|Answering OCSP requests at|Relaying) " ready; do kill -0 $!; sleep 0.05; done',
  '}',
].join('\n')

/** nginx before two instances, with the file that fpki ships and the ports of the test. */
const REGISTRATION_NGINX = [
  'sed "s/8451/$third/; s/8452/$fourth/; s/8444/127.0.0.1:$port/" "$(dirname "$guide")/../deploy/nginx/fpki-registration.conf" > stream.conf',
  '{ [ ! -e /usr/lib/nginx/modules/ngx_stream_module.so ] || echo "load_module /usr/lib/nginx/modules/ngx_stream_module.so;"',
  'echo "pid $HOME/nginx.pid; events {} include $HOME/stream.conf;"; } > nginx.conf',
  'nginx() { command nginx -p "$HOME" -e "$HOME/error.log" -c "$HOME/nginx.conf"; }',
].join('\n')

export const GUIDES: Readonly<Record<string, Guide>> = {
  'README.md': {
    begins: 'empty',
    env: PASSPHRASE,
    ports: { 8444: 'port' },
    instead: [
      ['npm ci --ignore-scripts && npm run build && node bin/fpki.js', 'fpki'],
      ['\nfpki devices serve', '\nbackground devices serve'],
    ],
    before: [
      ['fpki lines create', BACKGROUND],
      [
        'fpki devices issue "$HOME/acme" --from csrs/',
        `mkdir csrs\n${request('csrs/one', '/CN=5f0e1c2d-0000-4000-8000-000000000001/OU=acme')}\n` +
          'echo 5f0e1c2d-0000-4000-8000-000000000002 > uuids.txt',
      ],
    ],
    notHere: [['sh scripts/test-tools.sh && npm ci && npm test', 'it runs this test']],
  },
  'docs/quick-start.md': {
    begins: 'empty',
    instead: [
      ['--listen 8443', '--listen "$port"'],
      ['http://127.0.0.1:8080', '"http://127.0.0.1:$other"'],
      ['https://localhost:8443/', '"https://localhost:$port/" | grep "^Hello, .*CN="'],
    ],
    before: [
      ['nginx -p "$PWD/nginx/"', 'sed -i "s/127.0.0.1:8080/127.0.0.1:$other/" nginx/nginx.conf'],
      ['device=', 'until [ -s nginx/nginx.pid ]; do sleep 0.05; done; running="$running $(cat nginx/nginx.pid)"'],
    ],
  },
  'docs/devices.md': {
    begins: 'empty',
    env: { FPKI_HSM_PIN: '4711' },
    before: [
      [
        'fpki ca create "$HOME/pumps"',
        'export SOFTHSM2_CONF="$HOME/softhsm2.conf"; mkdir softhsm\n' +
          'printf "directories.tokendir = %s/softhsm\\nobjectstore.backend = file\\n" "$HOME" > softhsm2.conf\n' +
          'softhsm2-util --init-token --free --label pumps --so-pin 12345678 --pin 4711',
      ],
    ],
  },
  'docs/device-cas.md': {
    begins: 'with a PKI',
    env: PASSPHRASE,
    before: [['fpki ca sign gateway.csr', request('gateway', '/CN=gateway.acme.example/OU=acme')]],
  },
  'docs/kit.md': {
    begins: 'with a PKI',
    before: [
      [
        'fpki devices issue',
        `mkdir csrs\n${request('csrs/device', '/CN=5f0e1c2d-0000-4000-8000-000000000001/OU=acme')}`,
      ],
    ],
  },
  'docs/backup.md': {
    begins: 'with a PKI',
    env: { ...PASSPHRASE, passphrase: PASSPHRASE.FPKI_PASSPHRASE },
    before: [
      ['fpki ca status "$HOME/acme" --backup-days', 'fpki ca backup "$HOME/acme" --out first.backup'],
      [
        'fpki ca backup "$HOME/acme" --out acme.backup',
        ['ann', 'bob']
          .map(
            (name) =>
              `openssl req -x509 -newkey rsa:2048 -nodes -keyout ${name}.key -out ${name}.pem -subj /CN=${name}`,
          )
          .join('\n'),
      ],
      [
        'fpki ca backup --check acme.backup --passphrase-file',
        'rm acme.backup\n(umask 077; echo nine lives of a fish > pass.txt; echo nine lives of a fish > keys.txt)\n' +
          'fpki ca backup "$HOME/acme" --out acme.backup --recipient ann.pem --passphrase-file pass.txt',
      ],
    ],
  },
  'docs/lines.md': {
    begins: 'with a PKI',
    before: [
      ['fpki devices count', 'fpki ca add-device-ca "$HOME/acme" --local-ca --local-ca-filename site-b --quiet'],
      ['fpki devices report', 'echo uuid > shipped.csv'],
      ['openssl dgst', 'grep -qx "issued: 0" july.txt'],
    ],
    notHere: [
      [
        'fpki devices show "$HOME/acme" 0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001',
        'no device is issued here; help.test.ts runs it',
      ],
    ],
  },
  'docs/registration.md': {
    begins: 'empty',
    ports: { 8444: 'port', 8080: 'other', 8451: 'third', 8452: 'fourth', 9101: 'status', 9104: 'fifth' },
    instead: [
      ...['serve', 'relay', 'serve', 'serve'].map(
        (word) => [`\nfpki devices ${word}`, `\nbackground devices ${word}`] as const,
      ),
      ['\nnginx\n', '\nnginx\nuntil [ -s nginx.pid ]; do sleep 0.05; done; running="$running $(cat nginx.pid)"\n'],
    ],
    before: [
      ['fpki ca create', BACKGROUND],
      ['fpki devices serve "$HOME/acme" --register 127.0.0.1:8451', "stop; running=''"],
      ['nginx\n', REGISTRATION_NGINX],
    ],
    notHere: [
      [
        'fpki devices publish "$HOME/acme" --api foundries',
        'it informs Foundries; publish.test.ts runs it against a server',
      ],
    ],
  },
  'docs/renewal.md': {
    begins: 'empty',
    ports: { 8445: 'port', 9102: 'status' },
    instead: [['\nfpki devices serve', '\nbackground devices serve']],
    before: [['fpki ca create', BACKGROUND]],
  },
  'docs/ocsp.md': {
    begins: 'with a PKI',
    ports: { 8446: 'port', 9103: 'status' },
    instead: [
      ['\nfpki devices serve', '\nbackground devices serve'],
      ['/client.pem\n', "/client.pem > answer\ngrep '/client.pem: good$' answer\n"],
    ],
    before: [['echo', BACKGROUND]],
  },
  'docs/from-registration-ref.md': {
    begins: 'with a PKI',
    before: [
      [
        'fpki devices import',
        'mkdir -p data/devices\n' +
          'openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout > data/devices/5f0e1c2d-0000-4000-8000-000000000001',
      ],
    ],
  },
  'docs/history.md': {
    begins: 'with a PKI',
    before: [['fpki ca diff "$HOME/acme" 3 4', 'for _ in 1 2 3; do fpki ca rotate-tls "$HOME/acme" --quiet; done']],
  },
  'docs/reminders.md': { begins: 'with a PKI' },
  'docs/report.md': { begins: 'with a PKI' },
  'docs/verify.md': {
    begins: 'with a PKI',
    env: PASSPHRASE,
    before: [
      ['fpki ca verify "$HOME/acme" --strict', 'fpki ca backup "$HOME/acme" --out first.backup'],
      [
        'fpki ca status /srv/pki/acme',
        'mkdir -p srv/pki\ncp -r acme srv/pki/acme\nfpki ca create "$HOME/srv/pki/other"',
      ],
      ['fpki ca status "$HOME/acme" --prometheus', 'mkdir -p var/lib/node_exporter'],
    ],
  },
  'docs/roots.md': {
    begins: 'empty',
    env: PASSPHRASE,
    before: [
      ['fpki ca create /srv/pki/acme --root-cert', ownRoot('acme')],
      ['fpki ca renew-root "$HOME/acme" --dry-run', 'fpki ca create "$HOME/acme" --factory renewed'],
      ['fpki ca cross-sign "$HOME/acme" --with', 'fpki ca create "$HOME/acme-2027"'],
      [
        'fpki ca create /srv/pki/company',
        [
          'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout co.key -out co.pem -subj /CN=Company',
          // The extensions are those that the guide has.
          `sed -n '/^\`\`\`ini/,/^\`\`\`/p' "$guide" | sed '1d;$d' > co.ext`,
          'openssl x509 -req -in root.csr -CA co.pem -CAkey co.key -days 7300 -extfile co.ext -out signed.pem',
        ].join('\n'),
      ],
    ],
  },
  'docs/gateway.md': {
    begins: 'with a PKI',
    instead: [['--listen 8443', '--listen "$port"']],
    before: [['fpki api export-gateway acme /srv/gateway --replace', NGINX]],
  },
  'docs/denial.md': {
    begins: 'with a PKI',
    instead: [
      ['acme /srv/gateway --deny-list', 'acme /srv/gateway --deny-list --listen "$port"'],
      ['--from /var/log/nginx/seen.log', '--from var/log/nginx/seen.log'],
    ],
    before: [
      [
        'fpki devices deny "$HOME/acme" "$uuid"',
        'echo "$uuid" > uuids.txt\nfpki devices issue "$HOME/acme" --from uuids.txt --make-keys --out devices/',
      ],
      ['nginx -t && nginx -s reload', NGINX],
      ['fpki devices seen', 'mkdir -p var/log/nginx\necho - > var/log/nginx/seen.log'],
    ],
    notHere: [
      [
        'fpki devices publish "$HOME/acme" --foundries --api foundries',
        'the API of Foundries; test/cli/devices/publish.test.ts',
      ],
    ],
  },
  'docs/configuration.md': {
    begins: 'with a PKI',
    instead: [
      // A server that fpki serves, for that of Foundries.
      ['api foundries\nfpki login\n', 'api "https://127.0.0.1:$port"\nfpki login --token-file token\n'],
    ],
    before: [
      [
        'fpki config set api',
        '(umask 077; fpki api token create --factory acme > token)\nserve --listen "127.0.0.1:$port"\n' +
          'export CACERT="$HOME/.local/share/fpki/api/ca.pem" FPKI_FACTORY=acme',
      ],
    ],
    notHere: [
      ['fpki login                                 # prompts for a token', 'a question on a terminal'],
      [
        'fpki login --client-id ID                  # prompts for the secret of OAuth client credentials',
        'as the line above',
      ],
    ],
  },
  'docs/api.md': {
    begins: 'empty',
    instead: [
      ['fpki api serve\n', 'serve --listen "127.0.0.1:$port"\n'],
      ['fpki api serve --devices', 'serve --listen 127.0.0.1:0 --devices'],
      ['fpki api serve --fault', 'serve --listen "127.0.0.1:$other" --fault'],
      ['127.0.0.1:8443', '127.0.0.1:$port'],
      // It asks for the name on a terminal.
      ['fpki api delete-factory acme', 'fpki api delete-factory acme --yes'],
      ['0f1e2d3c4b5a6978', '"$(fpki api token list --json | jq -r .tokens[0].id)"'],
    ],
    before: [
      [
        'fpki devices list "$HOME/acme" --state conflict',
        `mkdir csrs\n${request('csrs/device', '/CN=5f0e1c2d-0000-4000-8000-000000000001/OU=acme')}\n` +
          'fpki devices issue "$HOME/acme" --from csrs/ --out devices/',
      ],
    ],
    notHere: [
      ['fpki devices publish "$HOME/acme" --api foundries', 'the API of Foundries; test/cli/devices/publish.test.ts'],
    ],
  },
  'docs/from-fioctl.md': { begins: 'with a PKI' },
  'docs/lint.md': {
    begins: 'with a PKI',
    before: [
      ['fpki lint device.pem', `${DEVICE}\n${request('gateway', '/CN=gateway.acme.example/OU=acme')}`],
      ['fpki lint tls-crt', 'cp acme/tls-crt .'],
      ['fpki lint - --json', 'cat acme/*.pem > bundle.pem'],
    ],
  },
  'docs/json.md': { begins: 'with a PKI' },
}

import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, join } from 'node:path';

// Stands for the factory towards one machine: `guest-service.ts DIRECTORY`. Serves DIRECTORY/features/KEY below any directory, stores PUTs in DIRECTORY/outputs.
const directory = process.argv[2] ?? '.';
createServer((request, response) => {
  const name = basename(request.url ?? '');
  if (request.method === 'PUT') {
    request.pipe(createWriteStream(join(directory, 'outputs', name))).on('finish', () => response.writeHead(201).end());
    return;
  }
  const file = join(directory, 'features', name);
  if (existsSync(file)) response.end(readFileSync(file));
  else response.writeHead(404).end();
}).listen(80, '0.0.0.0', () => console.log('listening'));

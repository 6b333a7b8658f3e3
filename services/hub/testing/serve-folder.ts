// A hub of one repository, local/model, made from a folder, for clients that are tried by hand:
//   node scripts/run.js services/hub/testing/serve-folder.ts FOLDER
//   HF_ENDPOINT=… python services/hub/testing/snapshot_download.py FOLDER
import process from 'node:process';
import { contentOf, startHubServer } from './hub-server.ts';

const [folder = ''] = process.argv.slice(2);
const { endpoint } = await startHubServer({
  'local/model': { revisions: { main: contentOf(folder) }, access: { token: 'hf_local' } },
});
console.log(endpoint);

import { COMPATIBILITIES } from '../../core/contract.js';
import type { Violation } from '../../core/errors.js';
import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { adminPath, feedName } from '../client/feed-name.js';
import { ask, jsonIn } from '../client/server.js';
import type { Command } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { Failure, violationText } from '../failures.js';
import { show } from '../show.js';
import { contractFile } from './contract-file.js';

interface Verdict {
  readonly compatible: boolean;
  readonly mode: string;
  readonly against: readonly number[];
  readonly breaks: readonly Violation[];
}

/** `POST /admin/feeds/{workspace}/{feed}/schemas?dry-run=true` */
export const checkSchema: Command = {
  operands: 'WORKSPACE/FEED FILE',
  takes: [2, 2],
  about: `Checks a contract without registering it: whether it compiles (else the exit code is 7), and whether it keeps what the feed's
setting "compatibility" promises, or another mode (else 6). FILE is as for register.`,
  options: {
    compatibility: { value: 'MODE', about: COMPATIBILITIES.join(', ') },
    type: { value: 'MEDIA-TYPE', about: 'what it is, where that is not to be told from its content' },
    ...CLIENT_OPTIONS,
  },
  examples: [
    'millrace schemas check shop/orders order.schema.json',
    'millrace schemas check shop/orders order.xsd --compatibility full',
  ],
  async run(call) {
    const path = `${adminPath(feedName(call.word(0)))}/schemas`;
    const mode = call.choice('compatibility', COMPATIBILITIES);
    const { body, type } = await contractFile(call);
    const query = `?dry-run=true${mode === undefined ? '' : `&compatibility=${mode}`}`;
    const server = await connection(call);
    const answer = await ask(server, 'POST', `${path}${query}`, {
      body,
      headers: { 'content-type': type },
    });
    const verdict = jsonIn<Verdict>(server, answer);
    const against = verdict.against.map(String).join(', ');
    await show(
      call,
      verdict,
      verdict.compatible
        ? `It can be registered: ${verdict.mode}${against === '' ? '' : `, compared with version ${against}`}.\n`
        : '',
    );
    if (verdict.compatible) return;
    const breaks = verdict.breaks.map((one) => violationText(one)).join('\n');
    throw new Failure(`it is not ${verdict.mode} compatible with version ${against}:\n${breaks}`, EXIT.conflict);
  },
};

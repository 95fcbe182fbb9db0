import { expect } from 'chai';
import type { Request, Response } from 'express';
import fc from 'fast-check';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { watchUnanswered } from '../../../src/http/unanswered.js';
import { createLogger } from '../../../src/telemetry/logger.js';

const MOST = 5;

describe('the requests that wait for their answer', () => {
  it('are counted, in whichever order they are answered', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat()), { minLength: 100, maxLength: 200 }), (steps) => {
        const logger = createLogger('silent');
        const unanswered = watchUnanswered({ requestMs: 60_000, bodyMs: 60_000, most: MOST, logger });
        const socket = new Socket();
        const waiting: ServerResponse[] = [];
        try {
          for (const [comes, which] of steps) {
            if (comes && waiting.length < MOST) {
              const req = new IncomingMessage(socket);
              const res = new ServerResponse(req);
              unanswered.add(req as Request, res as Response, () => undefined);
              waiting.push(res);
            } else {
              const [answered] = waiting.splice(which % Math.max(1, waiting.length), 1);
              answered?.emit('close');
            }
            expect(unanswered.roomFor(socket)).to.equal(waiting.length < MOST ? 'yes' : 'no');
          }
        } finally {
          unanswered.stop();
        }
      }),
    );
  });
});

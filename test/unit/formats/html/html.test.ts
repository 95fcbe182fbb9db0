import { expect } from 'chai';
import fc from 'fast-check';
import { foreignLink, foreignText, html, safeHref, styleElement } from '../../../../src/formats/html/html.js';
import { createHash } from 'node:crypto';
import { childOf, parseXml } from '../../../support/atom.js';

describe('the template for HTML', () => {
  it('escapes every value that was not made by itself', () => {
    const value = `<script>alert("1" + '2') && 3</script>`;
    const escaped = '&lt;script&gt;alert(&quot;1&quot; + &#39;2&#39;) &amp;&amp; 3&lt;/script&gt;';
    expect(html`<p title="${value}">${value}</p>`.markup).to.equal(`<p title="${escaped}">${escaped}</p>`);
    expect(html`<p>${html`<b>${'&'}</b>`}</p>`.markup).to.equal('<p><b>&amp;</b></p>');
  });

  it('puts the parts of a list side by side, and nothing for what is undefined', () => {
    expect(html`<i>${['<', html`<b></b>`, 3, undefined, ['&']]}${undefined}</i>`.markup).to.equal(
      '<i>&lt;<b></b>3&amp;</i>',
    );
  });

  it('gives any text back to who parses the markup, in an element and in an attribute', () => {
    const legal = fc.string({ unit: 'binary' }).map((text) => text.replaceAll(/[\0-\x1f\x7f\ufffe\uffff]/g, 'x'));
    fc.assert(
      fc.property(legal, (text) => {
        const root = parseXml(html`<p title="${text}"><b>${text}</b></p>`.markup);
        expect(root.attributes['title']).to.equal(text);
        expect(childOf(root, 'b', '').text).to.equal(text);
      }),
    );
  });

  it('shows the control characters that HTML cannot carry as pictures', () => {
    expect(html`${'a\0\x1b\x7f\t\n'}`.markup).to.equal('a\u2400\u241b\u2421\t\n');
  });
});

describe('what an entry brings', () => {
  it('is a link to the web or to mail only', () => {
    for (const reference of ['http://a.example/?b', 'https://a.example/', 'mailto:a@b.example', 'HTTPS://A.example/'])
      expect(safeHref(reference), reference).to.equal(new URL(reference).href);
    for (const reference of [
      'javascript:alert(1)',
      'JavaScript:alert(1)',
      ' javascript:alert(1)',
      'java\nscript:alert(1)',
      '\u0001javascript:alert(1)',
      'data:text/html,<script>alert(1)</script>',
      'vbscript:x',
      'blob:https://a.example/1',
      'file:///etc/passwd',
      'ftp://a.example/',
      'urn:x:1',
      'view-source:https://a.example/',
      '//a.example/',
      '/relative',
      '',
      `https://a.example/${'a'.repeat(3_000)}`,
    ])
      expect(safeHref(reference), reference).to.equal(undefined);
  });

  it('tells nobody where its reader came from when it is a link, and stays text when it is none', () => {
    expect(foreignLink('https://a.example/"', html`a`).markup).to.equal(
      '<a href="https://a.example/%22" rel="noopener noreferrer nofollow">a</a>',
    );
    expect(foreignLink('javascript:x', html`a`).markup).to.equal('a');
  });

  it('has a direction of its own', () => {
    expect(foreignText('a\u202eb').markup).to.equal('<bdi>a\u202eb</bdi>');
  });
});

describe('the style', () => {
  it('is named by the hash of its text', () => {
    const { element, source } = styleElement('p{color:red}');
    expect(element.markup).to.equal('<style>p{color:red}</style>');
    expect(source).to.equal(`'sha256-${createHash('sha256').update('p{color:red}').digest('base64')}'`);
  });

  it('cannot end its own element', () => {
    expect(() => styleElement('</style>')).to.throw('<');
  });
});

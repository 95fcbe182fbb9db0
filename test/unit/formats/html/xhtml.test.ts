import { expect } from 'chai';
import { readTree } from '../../../../src/formats/xml/xml-tree.js';
import { xhtmlToHtml } from '../../../../src/formats/html/xhtml.js';

describe('XHTML as HTML', () => {
  const NAMESPACE = 'xmlns="http://www.w3.org/1999/xhtml"';
  for (const [what, xhtml, expected] of [
    ['has no namespaces', `<div ${NAMESPACE}>a</div>`, '<div>a</div>'],
    ['has no prefixes', '<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:b>a</h:b></h:div>', '<div><b>a</b></div>'],
    [
      'has end tags but where HTML has none',
      `<div ${NAMESPACE}><p/><br/><img alt=""/></div>`,
      '<div><p></p><br><img alt=""></div>',
    ],
    [
      'has no CDATA sections and no comments',
      `<div ${NAMESPACE}><![CDATA[<&]]><!-- c -->b</div>`,
      '<div>&lt;&amp;b</div>',
    ],
    [
      'keeps attributes',
      `<p ${NAMESPACE} title="&lt;&quot;&amp;" xml:lang="de">a</p>`,
      '<p title="&lt;&quot;&amp;" lang="de">a</p>',
    ],
    [
      'keeps other vocabularies',
      `<p ${NAMESPACE}><s:svg xmlns:s="http://www.w3.org/2000/svg" xmlns:l="http://www.w3.org/1999/xlink"><s:a l:href="#b"/></s:svg></p>`,
      '<p><svg><a l:href="#b"></a></svg></p>',
    ],
  ] as const) {
    it(what, () => {
      expect(xhtmlToHtml(readTree(xhtml))).to.equal(expected);
    });
  }
});

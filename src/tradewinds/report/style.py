"""The style sheet and the few lines of script that every page carries within itself.

Colours differ in lightness as well as in hue, so that gains and losses can be told apart without seeing red and green.
The script shows values under the pointer, switches pictures and the theme; without it the page still says everything.
"""

from __future__ import annotations

_LIGHT = (
    "--paper:#f5f6f8;--card:#fff;--ink:#18212d;--soft:#566273;--rule:#dde2e9;--grid:#e9edf2;--s1:#1d5fae;--s2:#c0620c;--s3:#0d7a72;"
    "--s4:#8748a5;--s5:#6b7686;--s6:#a8323f;--up:#0b7a75;--down:#c64a24;--warn:#8a5a00;--warn-paper:#fff7e3;--shade:#c64a2414"
)
_DARK = (
    "--paper:#10141a;--card:#181e26;--ink:#e8ecf1;--soft:#9aa6b5;--rule:#2b3440;--grid:#252d38;--s1:#76aef2;--s2:#f0a052;--s3:#4fc3b8;"
    "--s4:#c795e0;--s5:#97a3b3;--s6:#ef8490;--up:#3fb8ae;--down:#f0855f;--warn:#f2c55c;--warn-paper:#2a2415;--shade:#f0855f1f"
)

STYLE = f"""
:root{{{_LIGHT};color-scheme:light}}
@media (prefers-color-scheme:dark){{:root{{{_DARK};color-scheme:dark}}}}
:root[data-theme=light]{{{_LIGHT};color-scheme:light}}
:root[data-theme=dark]{{{_DARK};color-scheme:dark}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;
font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}}
main{{max-width:1120px;margin:0 auto;padding:28px 24px 60px}}
header{{display:flex;justify-content:space-between;align-items:flex-start;gap:16px;border-bottom:2px solid var(--ink);padding-bottom:14px}}
h1{{font-size:28px;line-height:1.2;margin:0;letter-spacing:-.01em;overflow-wrap:anywhere}}
h2{{font-size:18px;margin:38px 0 12px;letter-spacing:-.005em}}
header p{{margin:6px 0 0;color:var(--soft);overflow-wrap:anywhere}}
button,select{{font:inherit;font-size:13px;color:var(--ink);background:var(--card);border:1px solid var(--rule);border-radius:6px;
padding:4px 10px;cursor:pointer;max-width:100%}}
button{{white-space:nowrap;flex:none}}
.tiles{{display:grid;grid-template-columns:repeat(auto-fill,minmax(160px,1fr));gap:12px;margin-top:20px}}
.tile{{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:12px 14px}}
.tile b{{display:block;font-size:23px;line-height:1.25;letter-spacing:-.01em;font-weight:650}}
.tile span{{font-size:13px;font-weight:600}}
.tile p{{margin:2px 0 0;font-size:12.5px;line-height:1.4;color:var(--soft)}}
.up-text{{color:var(--up)}}.down-text{{color:var(--down)}}
.warnings{{background:var(--warn-paper);border-left:4px solid var(--warn);border-radius:4px;margin:20px 0 0;padding:10px 16px}}
.warnings ul{{margin:4px 0;padding-left:18px}}
.pair{{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:14px}}
figure,.card{{background:var(--card);border:1px solid var(--rule);border-radius:8px;margin:0 0 14px;padding:12px 16px 12px;min-width:0}}
.pair figure{{margin:0}}.pair{{margin-bottom:14px}}
figcaption{{font-size:14px;margin-bottom:10px;display:flex;flex-wrap:wrap;gap:2px 14px;align-items:baseline}}
figcaption small{{color:var(--soft);font-size:12.5px}}
.key{{font-size:12.5px;color:var(--soft);display:inline-flex;align-items:center;gap:6px;overflow-wrap:anywhere}}
.key i{{width:16px;height:3px;border-radius:2px;background:var(--k);flex:none}}
.key i.s5{{background:repeating-linear-gradient(90deg,var(--k) 0 4px,transparent 4px 6px)}}
.note,.empty{{font-size:12.5px;color:var(--soft);margin:8px 0 0;line-height:1.45}}
.plot{{position:relative;padding:8px 8px 24px 50px}}
.plot svg{{overflow:visible;display:block}}
.plot svg.data{{overflow:hidden}}
.plot text{{font-size:11.5px;fill:var(--soft)}}
.plot text.y{{text-anchor:end}}.plot text.x{{text-anchor:middle}}.plot text.first{{text-anchor:start}}.plot text.last{{text-anchor:end}}
.plot text.label{{fill:var(--ink);font-size:11.5px}}
line.grid{{stroke:var(--grid)}}line.zero{{stroke:var(--soft);stroke-opacity:.55}}line.mark{{stroke:var(--soft);stroke-opacity:.5}}
line.upright{{stroke:var(--ink);stroke-dasharray:4 3;stroke-width:1.2}}
.line{{fill:none;stroke:var(--k);stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round;vector-effect:non-scaling-stroke}}
.line.s5{{stroke-dasharray:5 3;stroke-width:1.3}}
.area{{fill:var(--k);fill-opacity:.16;stroke:none}}
.band{{fill:var(--shade)}}.band.held{{fill:var(--s1);fill-opacity:.09}}
.bar,.body{{fill:var(--k)}}.wick{{stroke:var(--k);vector-effect:non-scaling-stroke;stroke-width:1}}
.dot{{fill:var(--k);fill-opacity:.55;stroke:var(--k);stroke-opacity:.9}}
.arrow{{fill:var(--k);stroke:var(--card);stroke-width:1}}
.cross{{stroke:var(--soft);stroke-width:1;stroke-dasharray:3 3}}
.s1{{--k:var(--s1)}}.s2{{--k:var(--s2)}}.s3{{--k:var(--s3)}}.s4{{--k:var(--s4)}}.s5{{--k:var(--s5)}}.s6{{--k:var(--s6)}}
.flat{{--k:var(--s5)}}.up{{--k:var(--up)}}.down{{--k:var(--down)}}.buy{{--k:var(--s1)}}.sell{{--k:var(--s2)}}
.wide{{overflow-x:auto}}
table{{border-collapse:collapse;width:100%;font-size:13px}}
th{{text-align:left;font-weight:600;color:var(--soft)}}
td,th{{padding:5px 10px 5px 0;border-bottom:1px solid var(--rule);vertical-align:top}}
td.n,th.n{{text-align:right;white-space:nowrap}}
tr:last-child td,tr:last-child th{{border-bottom:0}}
td.text{{overflow-wrap:anywhere;min-width:70px}}
table.heat{{font-size:12.5px;border-collapse:separate;border-spacing:2px}}
.heat td,.heat th{{border:0;padding:4px 2px;text-align:center;border-radius:3px;min-width:24px}}
.heat tbody th{{text-align:right;padding-right:8px;white-space:nowrap}}
.heat td[style]{{background:color-mix(in srgb,var(--c) var(--d),var(--card))}}
dl{{margin:0;columns:2;column-gap:36px;font-size:13px}}
dl div{{display:flex;justify-content:space-between;gap:16px;padding:4.5px 0;border-bottom:1px solid var(--rule);
break-inside:avoid}}
dt{{color:var(--soft);flex:0 1 auto}}dd{{margin:0;text-align:right;font-weight:550;overflow-wrap:anywhere;min-width:0}}
.heat td.apart{{font-weight:650}}.heat td.apart,.heat th:last-child{{padding-left:4px}}
.row{{display:grid;grid-template-columns:minmax(90px,1fr) 2fr minmax(90px,1fr);gap:12px;font-size:13px;align-items:center;padding:3px 0;
overflow-wrap:anywhere}}
.row span:last-child{{text-align:right}}
.track{{background:var(--grid);border-radius:3px;height:12px}}.track i{{display:block;height:12px;border-radius:3px;background:var(--k)}}
.choice{{margin-bottom:10px;font-size:13px}}
.chosen[hidden]{{display:none}}
code{{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}}
footer{{color:var(--soft);font-size:12.5px;border-top:1px solid var(--rule);margin-top:36px;padding-top:12px}}
#tip{{position:fixed;z-index:9;pointer-events:none;background:var(--ink);color:var(--card);font-size:12.5px;line-height:1.45;
padding:6px 10px;border-radius:6px;white-space:pre;max-width:90vw;overflow:hidden;text-overflow:ellipsis}}
@media (max-width:820px){{.pair{{grid-template-columns:minmax(0,1fr)}}}}
@media (max-width:640px){{
main{{padding:16px 12px 40px}}h1{{font-size:22px}}.alt{{display:none}}
.tiles{{grid-template-columns:repeat(2,minmax(0,1fr));gap:8px}}.tile{{padding:9px 11px}}.tile b{{font-size:19px}}
figure,.card{{padding:10px}}
table.heat{{font-size:9.5px;border-spacing:1px}}.heat td,.heat th{{padding:4px 0;min-width:20px}}.heat tbody th{{padding-right:3px}}
.plot{{padding-left:42px}}.row{{grid-template-columns:1fr 1fr 1fr;gap:8px}}dl{{columns:1}}
}}
@media print{{
.alt{{display:none}}table{{font-size:8.5pt}}td.text{{min-width:0}}.pair{{grid-template-columns:repeat(2,minmax(0,1fr))}}
:root,:root[data-theme]{{{_LIGHT};color-scheme:light}}body{{background:#fff;font-size:11pt;print-color-adjust:exact;-webkit-print-color-adjust:exact}}
main{{max-width:none;padding:0}}figure,.card,.tile,tr{{break-inside:avoid}}h2{{break-after:avoid}}button,.choice,#tip{{display:none}}
.chosen[hidden]{{display:block}}.wide{{overflow:visible}}
@page{{size:A4;margin:14mm}}
}}
"""

SCRIPT = """
(function(){
var d=document,tip=d.createElement('div');tip.id='tip';tip.hidden=true;d.body.appendChild(tip);
function commas(s){return s.replace(/\\B(?=(\\d{3})+(?!\\d))/g,',')}
function number(v){if(v===0)return'0';var a=Math.abs(v),k=Math.max(0,Math.min(12,5-Math.floor(Math.log10(a)))),s=a.toFixed(k);
if(k)s=s.replace(/\\.?0+$/,'');var p=s.split('.');p[0]=commas(p[0]);return(v<0?'\\u2212':'')+p.join('.')}
function show(v,f){if(v===null||v===undefined)return'\\u2013';return f==='p'?(v<0?'\\u2212':'')+Math.abs(v*100).toFixed(2)+'%':number(v)}
function place(e,text){tip.textContent=text;tip.hidden=false;var w=tip.offsetWidth,h=tip.offsetHeight,x=e.clientX+14,y=e.clientY+14;
if(x+w>innerWidth-6)x=Math.max(6,e.clientX-w-14);if(y+h>innerHeight-6)y=Math.max(6,e.clientY-h-14);tip.style.left=x+'px';tip.style.top=y+'px'}
function when(t){var s=new Date(t*1000).toISOString();
return s.slice(11,19)==='00:00:00'?s.slice(0,10):
s.slice(0,10)+' '+s.slice(11,s[17]+s[18]==='00'?16:19)+'Z'}
d.querySelectorAll('.plot[data-tip]').forEach(function(p){var data,xs,cross,svg=p.querySelector('svg');
function load(){data=JSON.parse(p.dataset.tip);var sum=0;xs=data.x.map(function(v){return sum+=v});
cross=svg.querySelector('line').cloneNode(false);cross.setAttribute('class','cross');cross.setAttribute('y1',0);
cross.setAttribute('y2',svg.getAttribute('height'));svg.appendChild(cross)}
p.addEventListener('pointermove',function(e){if(e.target.dataset.t)return;if(!data)load();var b=svg.getBoundingClientRect();
var want=data.lo+(e.clientX-b.left)/b.width*(data.hi-data.lo),i=0,j=xs.length-1;while(j-i>1){var m=i+j>>1;if(xs[m]<=want)i=m;else j=m}
if(Math.abs(xs[j]-want)<Math.abs(xs[i]-want))i=j;var at=data.hi===data.lo?50:(xs[i]-data.lo)/(data.hi-data.lo)*100;
cross.setAttribute('x1',at+'%');cross.setAttribute('x2',at+'%');cross.style.display='';
place(e,(data.l?data.l[i]:data.t?when(xs[i]):number(xs[i]))+data.s.map(function(s){return'\\n'+s.n+'  '+show(s.y[i],s.f)}).join(''))});
p.addEventListener('pointerleave',function(){tip.hidden=true;if(cross)cross.style.display='none'})});
d.addEventListener('pointerover',function(e){var t=e.target.dataset&&e.target.dataset.t;if(t)place(e,t)});
d.addEventListener('pointerout',function(e){if(e.target.dataset&&e.target.dataset.t)tip.hidden=true});
d.querySelectorAll('select[data-for]').forEach(function(s){s.addEventListener('change',function(){
d.querySelectorAll('#'+s.dataset.for+' .chosen').forEach(function(f,i){f.hidden=i!==s.selectedIndex})})});
var b=d.getElementById('theme');if(b){b.hidden=false;b.addEventListener('click',function(){var r=d.documentElement,
dark=r.dataset.theme?r.dataset.theme==='dark':matchMedia('(prefers-color-scheme:dark)').matches;r.dataset.theme=dark?'light':'dark'})}
})();
"""

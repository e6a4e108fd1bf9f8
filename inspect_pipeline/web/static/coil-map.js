// The map of a coil on a canvas: metres downweb from left to right, millimetres crossweb from top to bottom.
// Every finding has the colour and the shape of its type; stretches that were not judged are hatched. It knows no words
// and fetches nothing: coil-page.js gives it data and listens to its events "selected", "viewed" and "drawn".

const LEFT = 56, RIGHT = 12, TOP = 52, BOTTOM = 30, OVERVIEW = 30, OVERVIEW_TOP = 8;
const RADII = [4, 5.5, 7, 9];
const REACH_PX = 22; // a fingertip in a glove
const LEAST_SPAN_M = 0.05;
const CROWDED = 2000;
const SLOW_MS = 10, REST_MS = 140;

/** Return 0 to 3: the size of a mark grows with each doubling of the score. */
const sizeOf = (score) => Math.min(3, Math.max(0, Math.floor(Math.log2(Math.max(score, 1)))));

/** Return a round step of which about `count` fit into `span`. */
function roundStep(span, count) {
  const rough = span / count, power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.999);
}

export class CoilMap {
  /**
   * canvas: where to draw. size: {length_m, width_mm}. stretches: as the interface gives them.
   * columns: findings as columns. kinds: of each type {path (an SVG element with d or r), ink, question (bool)}.
   */
  constructor(canvas, size, stretches, columns, kinds) {
    this.canvas = canvas;
    this.size = size;
    this.stretches = stretches;
    this.columns = columns;
    this.kinds = kinds;
    this.count = columns.items.length;
    this.x = Float64Array.from(columns.downweb_m);
    this.y = Float64Array.from(columns.crossweb_mm);
    this.type = Uint16Array.from(columns.type_of);
    this.sizes = Uint8Array.from(columns.score, sizeOf);
    this.order = Uint32Array.from([...Array(this.count).keys()].sort((a, b) => this.sizes[b] - this.sizes[a]));
    this.hiddenTypes = new Set();
    this.hiddenKinds = new Set();
    this.selected = -1;
    this.hovered = -1;
    this.from = 0;
    this.to = Math.max(size.length_m, LEAST_SPAN_M);
    this.span = this.to;
    this.waiting = false;
    this.layer = null;
    this.layerOf = null;
    this.slow = false;
    this.restless = 0;
    this.pointers = new Map();
    this.restyle();
    this.listen();
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  /** Read the colours of the theme again and draw the marks anew. */
  restyle() {
    const style = getComputedStyle(this.canvas);
    const named = (name) => style.getPropertyValue(name).trim();
    this.inks = { page: named("--page"), text: named("--text"), muted: named("--muted"), line: named("--line"),
      strong: named("--strong-line"), accent: named("--accent"), bad: named("--bad"), warn: named("--warn"), soft: named("--soft") };
    this.font = `13px ${style.fontFamily}`;
    this.sprites = null;
    this.resize();
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    if (!box.width) return;
    this.ratio = window.devicePixelRatio || 1;
    this.width = box.width;
    this.height = box.height;
    this.canvas.width = Math.round(box.width * this.ratio);
    this.canvas.height = Math.round(box.height * this.ratio);
    this.sprites = null;
    this.patterns = null;
    this.overview = null;
    this.layerOf = null;
    this.redraw();
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      const begun = performance.now();
      this.draw();
      this.tell("drawn", { ms: performance.now() - begun, from: this.from, to: this.to });
    });
  }

  tell(name, detail) { this.canvas.dispatchEvent(new CustomEvent(name, { detail })); }

  // ---- places

  get inner() { return { left: LEFT, top: TOP, width: this.width - LEFT - RIGHT, height: this.height - TOP - BOTTOM }; }
  toX(metres) { return LEFT + ((metres - this.from) / (this.to - this.from)) * (this.width - LEFT - RIGHT); }
  toY(millimetres) { return TOP + (millimetres / this.size.width_mm) * (this.height - TOP - BOTTOM); }
  toMetres(x) { return this.from + ((x - LEFT) / (this.width - LEFT - RIGHT)) * (this.to - this.from); }
  shown(index) { return !this.hiddenTypes.has(this.type[index]); }

  // ---- drawing

  draw() {
    const pen = this.canvas.getContext("2d");
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.fillStyle = this.inks.page;
    pen.fillRect(0, 0, this.width, this.height);
    const inner = this.inner;
    if (inner.width <= 0 || inner.height <= 0) return;
    this.drawMaterial(pen);
    this.drawRings(pen);
    this.drawAxes(pen);
    this.drawOverview(pen);
  }

  /**
   * Draw stretches and findings. While somebody zooms and a redraw would be slow, the last picture is stretched; the
   * true one follows as soon as the hand rests.
   */
  drawMaterial(pen) {
    const inner = this.inner, span = this.span, old = this.layerOf;
    const left = Math.round(LEFT * this.ratio), top = Math.round(TOP * this.ratio);
    pen.save();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    if (old && old.span !== span && this.slow && performance.now() < this.restless) {
      pen.beginPath();
      pen.rect(left, top, inner.width * this.ratio, inner.height * this.ratio);
      pen.clip();
      const factor = old.span / span, shift = ((old.from - this.from) / span) * this.layer.width;
      pen.drawImage(this.layer, left + shift, top, this.layer.width * factor, this.layer.height);
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.redraw(), REST_MS);
    } else {
      const begun = performance.now(), whole = !old || old.span !== span;
      this.drawLayer();
      if (whole) this.slow = performance.now() - begun > SLOW_MS;
      pen.drawImage(this.layer, left, top);
    }
    pen.restore();
  }

  drawStretches(pen, left, right) {
    this.patterns ??= this.hatches(pen);
    for (const stretch of this.stretches) {
      if (this.hiddenKinds.has(stretch.kind)) continue;
      const x = this.toX(stretch.start_m), end = this.toX(stretch.start_m + stretch.length_m);
      if (end < left - 4 || x > right + 4) continue;
      const top = this.toY(stretch.crossweb_mm), bottom = this.toY(stretch.crossweb_mm + stretch.width_mm);
      const width = Math.max(end - x, 2.5);
      pen.fillStyle = this.patterns[stretch.kind];
      pen.fillRect(x, top, width, bottom - top);
      pen.strokeStyle = stretch.kind === "missing" ? this.inks.bad : stretch.kind === "unusable" ? this.inks.warn : this.inks.strong;
      pen.lineWidth = 1;
      pen.strokeRect(x, top, width, bottom - top);
    }
  }

  hatches(pen) {
    const made = {};
    for (const [kind, ink] of [["missing", this.inks.bad], ["unusable", this.inks.warn], ["captured", this.inks.strong]]) {
      const tile = new OffscreenCanvas(10 * this.ratio, 10 * this.ratio), fine = tile.getContext("2d");
      fine.scale(this.ratio, this.ratio);
      fine.fillStyle = this.inks.page;
      fine.fillRect(0, 0, 10, 10);
      fine.strokeStyle = fine.fillStyle = ink;
      fine.lineWidth = 1.3;
      fine.beginPath();
      if (kind === "captured") { fine.arc(5, 5, 1.4, 0, 7); fine.fill(); }
      else {
        for (const at of [-10, 0, 10]) { fine.moveTo(at, 10); fine.lineTo(at + 10, 0); }
        if (kind === "missing") for (const at of [-10, 0, 10]) { fine.moveTo(at, 0); fine.lineTo(at + 10, 10); }
        fine.stroke();
      }
      made[kind] = pen.createPattern(tile, "repeat");
      made[kind].setTransform(new DOMMatrix().scale(1 / this.ratio));
    }
    return made;
  }

  /**
   * Bring the layer of stretches and findings up to date. After a pan what is still in view is moved, and only what
   * came into view is drawn: the cost is that of the way, not of the number of findings.
   */
  drawLayer() {
    const width = Math.round(this.inner.width * this.ratio), height = Math.round(this.inner.height * this.ratio);
    const before = this.layerOf, span = this.span;
    if (!before || this.layer.width !== width || this.layer.height !== height) this.layer = new OffscreenCanvas(width, height);
    const pen = this.layer.getContext("2d");
    const way = before ? Math.round(((this.from - before.from) / span) * width) : width;
    this.layerOf = { from: this.from, span };
    if (!before || before.span !== span || Math.abs(way) >= width) {
      this.drawPart(pen, 0, width, height);
    } else if (way !== 0) {
      pen.globalCompositeOperation = "copy";
      pen.drawImage(this.layer, -way, 0);
      pen.globalCompositeOperation = "source-over";
      this.drawPart(pen, way > 0 ? width - way : 0, way > 0 ? width : -way, height);
    }
  }

  /** Draw columns left..right of the layer, in pixels of the screen, anew. */
  drawPart(pen, left, right, height) {
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, right - left, height);
    pen.clip();
    pen.fillStyle = this.inks.page;
    pen.fillRect(left, 0, right - left, height);
    pen.fillStyle = this.inks.soft;
    const ends = (this.toX(this.size.length_m) - LEFT) * this.ratio, begins = (this.toX(0) - LEFT) * this.ratio;
    pen.fillRect(begins, 0, ends - begins, height);
    pen.save();
    pen.setTransform(this.ratio, 0, 0, this.ratio, -LEFT * this.ratio, -TOP * this.ratio);
    this.drawStretches(pen, LEFT + left / this.ratio, LEFT + right / this.ratio);
    pen.restore();
    this.drawFindings(pen, left, right);
    pen.restore();
  }

  drawFindings(pen, left, right) {
    this.sprites ??= this.kinds.map((kind) => RADII.map((radius) => this.sprite(kind, radius * (this.count > CROWDED ? 0.7 : 1))));
    const width = this.layer.width, height = this.layer.height, { x: places, y: sides, type: types, sizes, sprites, hiddenTypes } = this;
    const across = width / (this.to - this.from), down = height / this.size.width_mm, from = this.from, edge = 16 * this.ratio;
    // A mark within 2 px of one of the same type and size is hidden beneath it: it need not be drawn.
    const columns = (width >> 1) + 1, taken = new Uint32Array(columns * ((height >> 1) + 1));
    for (const index of this.order) {
      const x = Math.round((places[index] - from) * across);
      if (x < left - edge || x > right + edge) continue;
      const type = types[index];
      if (hiddenTypes.has(type)) continue;
      const y = Math.round(Math.min(Math.max(sides[index] * down, 0), height));
      if (x >= 0 && x < width) {
        const cell = (y >> 1) * columns + (x >> 1), mark = type * 4 + sizes[index] + 1;
        if (taken[cell] === mark) continue;
        taken[cell] = mark;
      }
      const sprite = sprites[type][sizes[index]];
      pen.drawImage(sprite.image, x - sprite.half, y - sprite.half);
    }
  }

  drawRings(pen) {
    for (const [index, ink] of [[this.hovered, this.inks.text], [this.selected, this.inks.accent]]) {
      if (index < 0 || this.x[index] < this.from || this.x[index] > this.to) continue;
      pen.beginPath();
      pen.arc(this.toX(this.x[index]), this.toY(Math.min(Math.max(this.y[index], 0), this.size.width_mm)), 15, 0, 7);
      pen.strokeStyle = ink;
      pen.lineWidth = 3.5;
      pen.stroke();
    }
  }

  sprite(kind, radius) {
    const half = Math.ceil((radius * 1.4 + 1) * this.ratio); // in pixels of the screen, so that it is copied and not resampled
    const image = new OffscreenCanvas(2 * half, 2 * half), pen = image.getContext("2d");
    pen.translate(half, half);
    pen.scale(radius * this.ratio, radius * this.ratio);
    const outline = new Path2D(kind.path ?? undefined);
    if (kind.circle) outline.arc(0, 0, kind.circle, 0, 7);
    pen.fillStyle = kind.ink;
    pen.fill(outline);
    pen.lineWidth = 1 / radius;
    pen.strokeStyle = this.inks.page;
    pen.stroke(outline);
    if (kind.sign) {
      pen.lineWidth = 0.3;
      pen.lineCap = "round";
      pen.stroke(new Path2D(kind.sign));
    }
    return { image: image.transferToImageBitmap(), half };
  }

  drawAxes(pen) {
    const { left, top, width, height } = this.inner, bottom = top + height;
    pen.font = this.font;
    pen.lineWidth = 1;
    pen.strokeStyle = this.inks.strong;
    pen.strokeRect(left, top, width, height);
    pen.fillStyle = this.inks.muted;
    pen.textAlign = "center";
    pen.textBaseline = "top";
    const step = roundStep(this.to - this.from, Math.max(2, width / 110)), digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    for (let at = Math.ceil(this.from / step) * step; at <= this.to + step * 1e-6; at += step) {
      const x = this.toX(at);
      pen.fillRect(x, bottom, 1, 5);
      if (x < this.width - 24) pen.fillText(`${at.toFixed(digits)} m`, x, bottom + 8);
    }
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    const rise = roundStep(this.size.width_mm, 4);
    for (let at = 0; at <= this.size.width_mm * 1.0001; at += rise) {
      const y = this.toY(at);
      pen.fillRect(left - 5, y, 5, 1);
      pen.fillText(`${Math.round(at)}`, left - 8, y);
    }
    pen.fillText("mm", left - 8, top - 12);
  }

  /** The whole coil in small above the map: how many findings where, and the part that is in view. */
  drawOverview(pen) {
    const width = this.inner.width;
    this.overview ??= this.density(Math.max(1, Math.floor(width / 3)));
    const most = Math.max(1, ...this.overview);
    pen.fillStyle = this.inks.soft;
    pen.fillRect(LEFT, OVERVIEW_TOP, width, OVERVIEW);
    pen.fillStyle = this.inks.muted;
    this.overview.forEach((count, bin) => {
      const tall = count ? 3 + (OVERVIEW - 3) * (count / most) : 0;
      pen.fillRect(LEFT + (bin * width) / this.overview.length, OVERVIEW_TOP + OVERVIEW - tall, width / this.overview.length, tall);
    });
    const whole = Math.max(this.size.length_m, LEAST_SPAN_M);
    const from = LEFT + (Math.max(this.from, 0) / whole) * width, to = LEFT + (Math.min(this.to, whole) / whole) * width;
    pen.strokeStyle = this.inks.accent;
    pen.lineWidth = 3;
    pen.strokeRect(from, OVERVIEW_TOP, Math.max(to - from, 3), OVERVIEW);
  }

  density(bins) {
    const counts = new Array(bins).fill(0);
    for (let index = 0; index < this.count; index++) {
      if (!this.shown(index)) continue;
      const bin = Math.floor((this.x[index] / Math.max(this.size.length_m, LEAST_SPAN_M)) * bins);
      counts[Math.min(Math.max(bin, 0), bins - 1)] += 1;
    }
    return counts;
  }

  // ---- the view

  /** Show from..to metres, kept within the coil. */
  look(from, to) {
    const whole = Math.max(this.size.length_m, LEAST_SPAN_M);
    const span = Math.min(Math.max(to - from, LEAST_SPAN_M), whole);
    const start = Math.min(Math.max(from, 0), whole - span), pixel = span / Math.max(1, Math.round(this.inner.width * this.ratio));
    const same = Math.abs(span - (this.to - this.from)) <= span * 1e-9;
    this.from = same ? this.from + Math.round((start - this.from) / pixel) * pixel : start; // a pan goes by whole pixels
    this.to = this.from + span;
    this.span = same ? this.span : span;
    this.redraw();
    this.tell("viewed", { from: this.from, to: this.to, whole: span >= whole });
  }

  zoom(factor, about = (this.from + this.to) / 2) {
    this.restless = performance.now() + REST_MS - 20;
    const span = (this.to - this.from) * factor, share = (about - this.from) / (this.to - this.from);
    this.look(about - share * span, about + (1 - share) * span);
  }

  pan(share) {
    const way = share * (this.to - this.from);
    this.look(this.from + way, this.to + way);
  }

  showAll() { this.look(0, this.size.length_m); }

  hide(types, kinds) {
    this.hiddenTypes = new Set(types);
    this.hiddenKinds = new Set(kinds);
    this.overview = null;
    this.layerOf = null;
    if (this.selected >= 0 && !this.shown(this.selected)) this.select(-1);
    this.redraw();
  }

  /** Select a finding (-1: none), and bring it into view. */
  select(index) {
    this.selected = index;
    if (index >= 0 && (this.x[index] < this.from || this.x[index] > this.to)) {
      const half = (this.to - this.from) / 2;
      this.look(this.x[index] - half, this.x[index] + half);
    }
    this.redraw();
    this.tell("selected", { index });
  }

  /** Select the next shown finding down the web (by = 1) or the one before (by = -1). */
  step(by) {
    let index = this.selected;
    if (index < 0) { // begin with what is in view
      index = by > 0 ? this.x.findIndex((at) => at >= this.from) : this.x.findLastIndex((at) => at <= this.to);
      if (index < 0) return;
      index -= by;
    }
    do index += by; while (index >= 0 && index < this.count && !this.shown(index));
    if (index >= 0 && index < this.count) this.select(index);
  }

  /** Return the finding nearest to a place on the canvas, -1 where none is within reach. */
  at(x, y) {
    let best = -1, nearest = REACH_PX ** 2;
    for (let index = 0; index < this.count; index++) {
      if (!this.shown(index)) continue;
      const across = this.toX(this.x[index]) - x;
      if (Math.abs(across) > REACH_PX) continue;
      const distance = across ** 2 + (this.toY(Math.min(Math.max(this.y[index], 0), this.size.width_mm)) - y) ** 2;
      if (distance < nearest) { nearest = distance; best = index; }
    }
    return best;
  }

  // ---- hands

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (event) => this.pressed(event));
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.released(event));
    canvas.addEventListener("pointerleave", () => this.hover(-1));
    canvas.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.keyed(event));
  }

  hover(index) {
    if (index === this.hovered) return;
    this.hovered = index;
    this.tell("hovered", { index });
    this.redraw();
  }

  pressed(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    this.dragged = 0;
    if (event.offsetY < OVERVIEW_TOP + OVERVIEW + 4) this.centre(event.offsetX);
  }

  centre(x) {
    const half = (this.to - this.from) / 2;
    const about = ((x - LEFT) / this.inner.width) * this.size.length_m;
    this.look(about - half, about + half);
  }

  moved(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) { this.hover(this.at(event.offsetX, event.offsetY)); return; }
    if (this.pointers.size === 1) {
      this.dragged += Math.abs(event.offsetX - before.x) + Math.abs(event.offsetY - before.y);
      if (before.y < OVERVIEW_TOP + OVERVIEW + 4) this.centre(event.offsetX);
      else if (this.dragged > 4) this.pan((before.x - event.offsetX) / this.inner.width);
    } else this.pinched(event, before);
    before.x = event.offsetX;
    if (before.y >= OVERVIEW_TOP + OVERVIEW + 4) before.y = event.offsetY;
  }

  pinched(event, before) {
    const other = [...this.pointers.entries()].find(([id]) => id !== event.pointerId)[1];
    const was = Math.abs(before.x - other.x), is = Math.abs(event.offsetX - other.x);
    this.dragged += 9;
    if (was > 8 && is > 8) this.zoom(was / is, this.toMetres((event.offsetX + other.x) / 2));
  }

  released(event) {
    const tapped = this.pointers.size === 1 && this.dragged <= 4 && event.type === "pointerup";
    this.pointers.delete(event.pointerId);
    if (!tapped || event.offsetY < TOP) return;
    const hit = this.at(event.offsetX, event.offsetY);
    if (hit >= 0 || this.selected >= 0) this.select(hit);
  }

  wheeled(event) {
    if (!event.ctrlKey && document.activeElement !== this.canvas) return; // else the page scrolls
    event.preventDefault();
    this.zoom(1.0015 ** event.deltaY, this.toMetres(event.offsetX));
  }

  keyed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = {
      ArrowLeft: () => this.pan(-0.2), ArrowRight: () => this.pan(0.2), "+": () => this.zoom(0.6), "=": () => this.zoom(0.6),
      "-": () => this.zoom(1 / 0.6), Home: () => this.look(0, this.to - this.from), 0: () => this.showAll(),
      End: () => this.look(this.size.length_m - (this.to - this.from), this.size.length_m),
      n: () => this.step(1), p: () => this.step(-1), Escape: () => this.select(-1),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }
}

// A frame on a canvas: zoom and pan to full resolution with wheel, fingers and keys; heatmap and boxes over it.

const LARGEST_SCALE = 16;
const WAIT_MS = 120; // for the hand to rest before full resolution is fetched
const PART_LIMIT_PX = 2048;

export class FrameViewer {
  /** `canvas` fills its parent; `onChange` is called after every draw with {scale}. */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.frame = null;
    this.heat = null;
    this.showHeat = false;
    this.boxes = [];
    this.tool = null; // takes pointers before they pan: {down, move, up, draw}
    this.view = { x: 0, y: 0, scale: 1 };
    this.pointers = new Map();
    new ResizeObserver(() => this.#resized()).observe(canvas.parentElement);
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.#up(event));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.25 : 0.8, event.offsetX, event.offsetY);
    }, { passive: false });
  }

  /** Show a frame: {width, height, overview, partTemplate, heatmap} and look at `box` first. */
  async show(frame, box) {
    this.frame = frame;
    this.part = null;
    this.heat = null;
    this.overview = null;
    this.lookAt(box);
    const [overview, heat] = await Promise.all([picture(frame.overview), frame.heatmap ? picture(frame.heatmap) : null]);
    if (this.frame !== frame) return; // another one was asked for meanwhile
    this.overview = overview;
    this.heat = heat;
    this.draw();
  }

  /** Bring a box into the middle, as large as leaves some of its surroundings. */
  lookAt(box) {
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    const margin = 2.5;
    const wide = Math.max(box.right - box.left, 48) * margin, high = Math.max(box.bottom - box.top, 48) * margin;
    const whole = Math.min(width / this.frame.width, height / this.frame.height);
    const scale = Math.max(whole, Math.min(width / wide, height / high, 4)); // never smaller than the frame can be shown
    this.#place((box.left + box.right) / 2, (box.top + box.bottom) / 2, scale);
  }

  /** Show the whole frame. */
  whole() {
    const scale = Math.min(this.canvas.clientWidth / this.frame.width, this.canvas.clientHeight / this.frame.height);
    this.#place(this.frame.width / 2, this.frame.height / 2, scale);
  }

  /** Change the scale by a factor about a place of the canvas (its middle when none is given). */
  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const before = this.toFrame(x, y);
    const least = 0.5 * Math.min(this.canvas.clientWidth / this.frame.width, this.canvas.clientHeight / this.frame.height);
    this.view.scale = Math.min(LARGEST_SCALE, Math.max(least, this.view.scale * factor));
    this.view.x = before.x - x / this.view.scale;
    this.view.y = before.y - y / this.view.scale;
    this.#changed();
  }

  /** Move the view by canvas pixels. */
  pan(dx, dy) {
    this.view.x -= dx / this.view.scale;
    this.view.y -= dy / this.view.scale;
    this.#changed();
  }

  /** Return the place on the frame, in its pixels, of a place on the canvas. */
  toFrame(x, y) {
    return { x: this.view.x + x / this.view.scale, y: this.view.y + y / this.view.scale };
  }

  #place(x, y, scale) {
    this.view.scale = scale;
    this.view.x = x - this.canvas.clientWidth / 2 / scale;
    this.view.y = y - this.canvas.clientHeight / 2 / scale;
    this.#changed();
  }

  #changed() {
    this.draw();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.#fetchPart(), WAIT_MS);
  }

  async #fetchPart() {
    const frame = this.frame;
    if (!frame) return;
    const from = this.toFrame(0, 0), to = this.toFrame(this.canvas.clientWidth, this.canvas.clientHeight);
    const left = Math.max(0, Math.floor(from.x)), top = Math.max(0, Math.floor(from.y));
    const width = Math.min(frame.width, Math.ceil(to.x)) - left, height = Math.min(frame.height, Math.ceil(to.y)) - top;
    const ratio = window.devicePixelRatio || 1;
    const scale = Math.min(1, this.view.scale * ratio, PART_LIMIT_PX / width, PART_LIMIT_PX / height);
    if (width < 1 || height < 1 || (this.overview && scale * frame.width <= this.overview.width)) return;
    const url = frame.partTemplate + `?left=${left}&top=${top}&width=${width}&height=${height}&scale=${scale.toFixed(4)}`;
    const image = await picture(url);
    if (this.frame !== frame) return;
    this.part = { image, left, top, width, height };
    this.draw();
  }

  /** Draw all: overview, the part in full resolution, heatmap, boxes, the tool. */
  draw() {
    const context = this.context, { x, y, scale } = this.view, ratio = window.devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.frame) return;
    context.setTransform(scale * ratio, 0, 0, scale * ratio, -x * scale * ratio, -y * scale * ratio);
    context.imageSmoothingEnabled = scale < 3;
    if (this.overview) context.drawImage(this.overview, 0, 0, this.frame.width, this.frame.height);
    if (this.part) context.drawImage(this.part.image, this.part.left, this.part.top, this.part.width, this.part.height);
    if (this.showHeat && this.heat) {
      context.imageSmoothingEnabled = true;
      context.globalAlpha = 0.55;
      context.drawImage(this.heat, 0, 0, this.frame.width, this.frame.height);
      context.globalAlpha = 1;
    }
    for (const box of this.boxes) this.#outline(box);
    this.tool?.draw(context, scale);
  }

  #outline({ box, colour, dashed, text }) {
    const context = this.context, scale = this.view.scale;
    for (const [line, width] of [["#000", 4], [colour, 2]]) { // a dark edge keeps it visible on bright metal
      context.strokeStyle = line;
      context.lineWidth = width / scale;
      context.setLineDash(dashed ? [8 / scale, 5 / scale] : []);
      context.strokeRect(box.left, box.top, box.right - box.left, box.bottom - box.top);
    }
    context.setLineDash([]);
    if (!text) return;
    context.font = `600 ${14 / scale}px system-ui, sans-serif`;
    const wide = context.measureText(text).width + 8 / scale;
    context.fillStyle = "#000c";
    context.fillRect(box.left, box.top - 22 / scale, wide, 20 / scale);
    context.fillStyle = "#fff";
    context.fillText(text, box.left + 4 / scale, box.top - 7 / scale);
  }

  #resized() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    if (this.frame) this.#changed();
  }

  #down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    if (this.pointers.size === 1 && this.tool?.down(this.toFrame(event.offsetX, event.offsetY), this.view.scale)) {
      this.tooling = true;
      this.draw();
    }
  }

  #move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.offsetX, y: event.offsetY };
    if (this.tooling && this.pointers.size === 1) {
      this.tool?.move(this.toFrame(now.x, now.y), this.view.scale);
      this.draw();
    } else if (this.pointers.size === 1) {
      this.pan(now.x - before.x, now.y - before.y);
    } else if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const spread = (a, b) => Math.hypot(a.x - b.x, a.y - b.y) || 1;
      this.zoom(spread(now, other) / spread(before, other), (now.x + other.x) / 2, (now.y + other.y) / 2);
    }
    this.pointers.set(event.pointerId, now);
  }

  #up(event) {
    this.pointers.delete(event.pointerId);
    if (this.tooling && this.pointers.size === 0) {
      this.tooling = false;
      this.tool?.up();
      this.draw();
    }
  }
}

async function picture(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

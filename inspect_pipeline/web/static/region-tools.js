// Correcting where a defect is: a box with handles, or a brush.

const HANDLE_PX = 22; // half the side of what a glove can hit

/** A box that is moved by its inside and resized by its corners and edges; a stroke outside draws a new one. */
export class BoxTool {
  constructor(box, frame, changed) {
    this.box = { ...box };
    this.frame = frame;
    this.changed = changed;
  }

  down(at, scale) {
    const near = HANDLE_PX / scale, box = this.box;
    const edge = (value, low, high) => (Math.abs(value - low) < near ? low : Math.abs(value - high) < near ? high : null);
    const inX = at.x > box.left - near && at.x < box.right + near, inY = at.y > box.top - near && at.y < box.bottom + near;
    const x = inY ? edge(at.x, box.left, box.right) : null, y = inX ? edge(at.y, box.top, box.bottom) : null;
    this.start = at;
    this.before = { ...box };
    if (x !== null || y !== null) {
      this.grip = { left: x === box.left && x !== null, right: x === box.right && x !== null, top: y === box.top && y !== null, bottom: y === box.bottom && y !== null };
    } else if (inX && inY) {
      this.grip = { left: true, right: true, top: true, bottom: true };
    } else {
      this.grip = { right: true, bottom: true };
      this.before = { left: at.x, right: at.x, top: at.y, bottom: at.y };
    }
    return true;
  }

  move(at) {
    const dx = at.x - this.start.x, dy = at.y - this.start.y, { before, grip, frame } = this;
    const side = (name, delta, limit) => Math.min(limit, Math.max(0, Math.round(before[name] + (grip[name] ? delta : 0))));
    const [left, right] = [side("left", dx, frame.width), side("right", dx, frame.width)].sort((a, b) => a - b);
    const [top, bottom] = [side("top", dy, frame.height), side("bottom", dy, frame.height)].sort((a, b) => a - b);
    this.box = { left, top, right: Math.max(right, left + 1), bottom: Math.max(bottom, top + 1) };
  }

  up() {
    this.changed(this.box);
  }

  draw(context, scale) {
    const { left, top, right, bottom } = this.box;
    context.strokeStyle = "#fff";
    context.lineWidth = 2 / scale;
    context.strokeRect(left, top, right - left, bottom - top);
    const half = 6 / scale;
    for (const x of [left, (left + right) / 2, right]) {
      for (const y of [top, (top + bottom) / 2, bottom]) {
        if (x === (left + right) / 2 && y === (top + bottom) / 2) continue;
        context.fillStyle = "#0b5c9e";
        context.fillRect(x - half, y - half, 2 * half, 2 * half);
        context.strokeRect(x - half, y - half, 2 * half, 2 * half);
      }
    }
  }
}

/** Paints the defect's own pixels inside an area of the frame; the region is the box of what is painted. */
export class BrushTool {
  constructor(area, radius, changed) {
    this.area = area; // a part only: a whole frame of a line camera would need hundreds of megabytes
    this.mask = new OffscreenCanvas(area.right - area.left, area.bottom - area.top);
    this.paint = this.mask.getContext("2d", { willReadFrequently: true });
    this.paint.translate(-area.left, -area.top);
    this.radius = radius;
    this.erasing = false;
    this.changed = changed;
  }

  down(at) {
    this.last = at;
    this.move(at);
    return true;
  }

  move(at) {
    const paint = this.paint;
    paint.globalCompositeOperation = this.erasing ? "destination-out" : "source-over";
    paint.strokeStyle = "#ff3bd4";
    paint.lineCap = "round";
    paint.lineWidth = 2 * this.radius;
    paint.beginPath();
    paint.moveTo(this.last.x, this.last.y);
    paint.lineTo(at.x, at.y);
    paint.stroke();
    this.last = at;
  }

  up() {
    this.changed();
  }

  draw(context) {
    context.globalAlpha = 0.45;
    context.drawImage(this.mask, this.area.left, this.area.top);
    context.globalAlpha = 1;
  }

  /** Return {box, png}: what is painted as a black and white PNG in base64, cut to its box; null where nothing is. */
  async region() {
    const { width, height } = this.mask;
    const pixels = this.paint.getImageData(0, 0, width, height).data;
    const found = paintedBounds(pixels, width);
    if (!found) return null;
    const cut = new OffscreenCanvas(found.right - found.left, found.bottom - found.top);
    const image = this.paint.getImageData(found.left, found.top, cut.width, cut.height);
    for (let at = 0; at < image.data.length; at += 4) image.data.set(image.data[at + 3] > 127 ? WHITE : BLACK, at);
    cut.getContext("2d").putImageData(image, 0, 0);
    const bytes = new Uint8Array(await (await cut.convertToBlob({ type: "image/png" })).arrayBuffer());
    const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    const { left, top } = this.area;
    const box = { left: left + found.left, top: top + found.top, right: left + found.right, bottom: top + found.bottom };
    return { box, png: btoa(text) };
  }
}

const WHITE = [255, 255, 255, 255], BLACK = [0, 0, 0, 255];

function paintedBounds(pixels, width) {
  let found = null;
  for (let at = 3; at < pixels.length; at += 4) {
    if (pixels[at] <= 127) continue;
    const x = ((at - 3) / 4) % width, y = Math.floor((at - 3) / 4 / width);
    found ??= { left: x, top: y, right: x + 1, bottom: y + 1 };
    found.left = Math.min(found.left, x);
    found.right = Math.max(found.right, x + 1);
    found.bottom = Math.max(found.bottom, y + 1);
  }
  return found;
}

// Pictures are shown as large as the slide allows; what is still too high gets smaller type.
const HEIGHT = 690, WIDTH = 1220, ENLARGED = 1.8;

function sized(pictures, height) {
  for (const picture of pictures) {
    const [wide, high] = [picture.naturalWidth, picture.naturalHeight];
    const enlarged = picture.src.startsWith("data:image/svg") ? Infinity : ENLARGED;
    const scale = Math.min(height / high, WIDTH / wide, enlarged);
    if (wide) picture.style.width = `${Math.floor(wide * scale)}px`;
  }
}

function fit(slide) {
  const pictures = slide.querySelectorAll("img");
  const high = () => slide.scrollHeight > HEIGHT;
  for (let height = 600; height >= 240; height -= 20) {
    sized(pictures, height);
    if (!high()) return;
  }
  for (let size = 95; high() && size >= 65; size -= 5) slide.style.fontSize = `${size}%`;
  slide.classList.toggle("scrolls", high());
}

Reveal.initialize({
  width: 1280, height: 720, margin: 0.04, center: false, hash: true,
  slideNumber: "c/t", transition: "none", pdfMaxPagesPerSlide: 1,
});
Reveal.on("ready", (event) => fit(event.currentSlide));
Reveal.on("slidechanged", (event) => fit(event.currentSlide));
Reveal.on("pdf-ready", () => document.querySelectorAll(".slides section:not(.stack)").forEach(fit));

"""Paint the fixtures of tests/gimp with real GIMP: ``python tests/gimp_fixtures.py tests/gimp``.

GIMP 2.10 must be installed; it runs without a display. Everything is painted on a canvas of 96 x 80
pixels: open beam, an ellipse of soft tissue, a stroke of bone. `pencil.png` is the truth.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PAPER = ("'(68 1 84)", "'(33 144 140)", "'(253 231 36)")
AUTHORS = ("'(255 255 255)", "'(255 255 0)", "'(0 0 255)")

# Script-Fu. `paint` draws the three regions with hard edges unless `soft` says how not.
SCRIPT = r"""
(define out "@OUT@/")
(define (image type) (car (gimp-image-new 96 80 type)))
(define (layer img name type opacity)
  (let ((made (car (gimp-layer-new img 96 80 type name opacity LAYER-MODE-NORMAL))))
    (gimp-image-insert-layer img made 0 -1)
    made))
(define (fill drawable colour)
  (gimp-context-set-foreground colour)
  (gimp-drawable-edit-fill drawable FILL-FOREGROUND))
(define (tissue img drawable colour antialias feather)
  (gimp-context-set-antialias antialias)
  (gimp-context-set-feather (if (> feather 0) TRUE FALSE))
  (gimp-context-set-feather-radius feather feather)
  (gimp-image-select-ellipse img CHANNEL-OP-REPLACE 12 8 70 62)
  (fill drawable colour)
  (gimp-selection-none img))
(define stroke (cons-array 4 'double))
(aset stroke 0 30) (aset stroke 1 24) (aset stroke 2 62) (aset stroke 3 52)
(define (bone drawable colour tool)
  (gimp-context-set-foreground colour)
  (gimp-context-set-brush "2. Hardness 100")
  (gimp-context-set-brush-size 11)
  (gimp-context-set-opacity 100)
  (gimp-context-set-paint-mode LAYER-MODE-NORMAL)
  (if (eq? tool 'pencil)
      (gimp-pencil drawable 4 stroke)
      (gimp-paintbrush-default drawable 4 stroke)))
(define (painted name type colours antialias feather tool)
  (let* ((img (image RGB)) (drawable (layer img name type 100)))
    (fill drawable (car colours))
    (tissue img drawable (cadr colours) antialias feather)
    (bone drawable (caddr colours) tool)
    img))
(define (hard type) (painted "Background" type paper FALSE 0 'pencil))
(define (flat img) (car (gimp-image-get-active-layer img)))
(define (xcf img name)
  (gimp-xcf-save RUN-NONINTERACTIVE img (flat img) (string-append out name) name))
(define (png img name)
  (file-png-save RUN-NONINTERACTIVE img (flat img) (string-append out name) name 0 9 0 0 0 0 0))
(define (jpeg img name quality subsampling)
  (file-jpeg-save RUN-NONINTERACTIVE img (flat img) (string-append out name) name
                  quality 0 1 0 "" subsampling 1 0 0))
(define (other img name)
  (gimp-file-save RUN-NONINTERACTIVE img (flat img) (string-append out name) name))
(define (indexed img)
  (gimp-image-convert-indexed img CONVERT-DITHER-NONE CONVERT-PALETTE-GENERATE 8 FALSE TRUE "")
  img)
(define paper (list @PAPER@))
(define authors (list @AUTHORS@))

(png (hard RGB-IMAGE) "pencil.png")
(png (painted "b" RGB-IMAGE paper TRUE 0 'brush) "brush.png")
(png (painted "b" RGB-IMAGE paper FALSE 10 'pencil) "feather.png")
(png (indexed (hard RGB-IMAGE)) "indexed.png")
(png (hard RGBA-IMAGE) "alpha-opaque.png")
(let ((img (hard RGBA-IMAGE)))
  (gimp-image-select-rectangle img CHANNEL-OP-REPLACE 3 70 5 4)
  (gimp-drawable-edit-clear (flat img))
  (gimp-selection-none img)
  (png img "alpha-hole.png"))
(let ((img (hard RGBA-IMAGE)))
  (gimp-context-set-feather TRUE)
  (gimp-context-set-feather-radius 6 6)
  (gimp-image-select-rectangle img CHANNEL-OP-REPLACE 3 60 12 12)
  (gimp-drawable-edit-clear (flat img))
  (gimp-selection-none img)
  (gimp-context-set-feather FALSE)
  (png img "alpha-soft.png"))
(let ((img (hard RGB-IMAGE)))
  (gimp-image-convert-precision img PRECISION-U16-GAMMA)
  (png img "deep.png"))
(let ((img (hard RGB-IMAGE)))
  (gimp-image-convert-grayscale img)
  (png img "grey.png"))
(other (hard RGB-IMAGE) "pencil.tif")
(other (indexed (hard RGB-IMAGE)) "indexed.tif")
(other (hard RGB-IMAGE) "pencil.bmp")
(other (indexed (hard RGB-IMAGE)) "indexed.bmp")
(png (painted "b" RGB-IMAGE authors FALSE 0 'pencil) "authors.png")
(jpeg (painted "b" RGB-IMAGE authors FALSE 0 'pencil) "authors-95.jpg" 0.95 2)
(jpeg (painted "b" RGB-IMAGE authors FALSE 0 'pencil) "authors-75.jpg" 0.75 2)
(jpeg (painted "b" RGB-IMAGE authors FALSE 0 'pencil) "authors-40.jpg" 0.40 2)
(jpeg (hard RGB-IMAGE) "paper-90.jpg" 0.90 2)
; Half the resolution for colours, as cameras and older versions of GIMP save.
(jpeg (painted "b" RGB-IMAGE authors FALSE 0 'pencil) "authors-75-halved.jpg" 0.75 0)

(xcf (hard RGB-IMAGE) "one-layer.xcf")
(xcf (indexed (hard RGB-IMAGE)) "indexed.xcf")

; The radiograph (a gradient will do) below the painted layer, which is half transparent.
(define (over name opacity)
  (let* ((img (image RGB)) (below (layer img "radiograph" RGB-IMAGE 100)))
    (fill below '(120 120 120))
    (let ((drawable (layer img name RGB-IMAGE opacity)))
      (fill drawable (car paper))
      (tissue img drawable (cadr paper) FALSE 0)
      (bone drawable (caddr paper) 'pencil))
    img))
(xcf (over "labels" 40) "labels-layer.xcf")
(xcf (over "New Layer" 40) "opacity.xcf")
(xcf (over "New Layer" 100) "covering.xcf")
(let ((img (over "labels" 100)))
  (gimp-item-set-visible (flat img) FALSE)
  (xcf img "hidden-labels.xcf"))
(let ((img (over "New Layer" 100)))
  (let ((notes (layer img "notes" RGBA-IMAGE 100)))
    (fill notes '(255 0 0))
    (gimp-item-set-visible notes FALSE))
  (xcf img "hidden-notes.xcf"))
(let ((img (over "labels" 100)))
  (gimp-layer-set-mode (flat img) LAYER-MODE-MULTIPLY)
  (xcf img "mode.xcf"))
(let* ((img (over "labels" 100))
       (mask (car (gimp-layer-create-mask (flat img) ADD-MASK-WHITE))))
  (gimp-layer-add-mask (flat img) mask)
  (xcf img "layer-mask.xcf"))
(let ((img (over "labels" 100)))
  (gimp-image-select-rectangle img CHANNEL-OP-REPLACE 10 10 20 20)
  (gimp-selection-float (flat img) 3 3)
  (xcf img "floating.xcf"))

; A layer per class; `group` puts bone and soft tissue into one.
(define (per-class group)
  (let* ((img (image RGB)) (below (layer img "radiograph" RGB-IMAGE 100)))
    (fill below '(120 120 120))
    (fill (layer img "open beam" RGB-IMAGE 50) (car paper))
    (if group (gimp-image-insert-layer img (car (gimp-layer-group-new img)) 0 0))
    (let* ((parent (if group (flat img) 0))
           (soft (car (gimp-layer-new img 96 80 RGBA-IMAGE "soft_tissue" 50 LAYER-MODE-NORMAL)))
           (hard (car (gimp-layer-new img 96 80 RGBA-IMAGE "Bone" 80 LAYER-MODE-NORMAL))))
      (gimp-image-insert-layer img soft parent 0)
      (gimp-image-insert-layer img hard parent 0)
      (tissue img soft (cadr paper) FALSE 0)
      (bone hard (caddr paper) 'pencil)
      (plug-in-autocrop-layer RUN-NONINTERACTIVE img hard)
      (gimp-image-set-active-layer img hard))
    img))
(xcf (per-class #f) "class-layers.xcf")
(xcf (per-class #t) "group.xcf")
(let ((img (per-class #f)))
  (gimp-item-set-visible (flat img) FALSE)
  (xcf img "hidden-bone.xcf"))
(let ((img (per-class #f)))
  (gimp-context-set-antialias FALSE)
  (gimp-image-select-rectangle img CHANNEL-OP-REPLACE 40 35 4 3)
  (fill (flat img) (cadr paper))
  (gimp-selection-none img)
  (xcf img "wrong-layer.xcf"))

; Layers that reach beyond the image, or do not fill it.
(let* ((img (hard RGB-IMAGE)))
  (gimp-layer-resize (flat img) 140 120 20 30)
  (xcf img "offset.xcf"))
(let* ((img (hard RGBA-IMAGE)))
  (gimp-layer-set-offsets (flat img) 7 -5)
  (xcf img "shifted.xcf"))
(gimp-quit 0)
"""


def available() -> bool:
    """Tell whether GIMP 2.10 is installed."""
    if not shutil.which("gimp"):
        return False
    done = subprocess.run(["gimp", "--version"], capture_output=True, text=True, check=False)
    return "version 2.10" in done.stdout


def make(folder: Path) -> None:
    """Paint all fixtures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    script = SCRIPT.replace("@OUT@", str(folder.resolve()))
    for name, colours in (("@PAPER@", PAPER), ("@AUTHORS@", AUTHORS)):
        script = script.replace(name, " ".join(colours))
    with tempfile.TemporaryDirectory() as home:
        # A profile of its own: brushes and settings as GIMP ships them.
        environment = os.environ | {"GIMP2_DIRECTORY": home, "LC_ALL": "C.UTF-8", "HOME": home}
        path = Path(home) / "make.scm"
        path.write_text(script, encoding="utf-8")
        # The second batch ends GIMP when an error has ended the first.
        load = ["--batch", f'(load "{path}")', "--batch", "(gimp-quit 0)"]
        done = subprocess.run(
            ["gimp", "--no-interface", "--new-instance", *load],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    # GIMP exits with 0 whatever its scripts do, and grumbles about its profile on leaving.
    if "execution error" in done.stdout + done.stderr or "batch command:" in done.stderr:
        raise RuntimeError(done.stdout + done.stderr)


if __name__ == "__main__":
    make(Path(sys.argv[1]))

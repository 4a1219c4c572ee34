"""What augmentation may do to a picture: ranges by name and unit, and the presets."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Augmentation:
    """Ranges to draw from; a range of zero width switches a change off.

    Attributes:
        moved_probability: how often any pixel is moved at all: flipped, rotated, sheared, shifted,
            cropped, zoomed, displaced.
        flip_horizontal: probability of a left-right flip.
        flip_vertical: probability of an up-down flip.
        rotation_degrees: largest rotation either way.
        shear_degrees: largest shear either way.
        translation: largest shift either way, as a fraction of the image's side.
        crop: smallest and largest fraction cut off each of the four sides, independently.
        zoom: smallest and largest magnification, drawn log-uniformly.
        elastic_pixels: standard deviation of the displacement of the elastic control points, in
            pixels of an image 200 wide.
        elastic_points: control points along each side.
        elastic_probability: how often there is an elastic displacement at all.
        fold_probability: how often two more layers of flesh, as of breasts or folds of skin, lie
            over the body, each as thick as an ellipsoid, with the sharp edge that one has.
        fold_depth: smallest and largest attenuation in the middle of one, as an exponent of e.
        fold_radius: smallest and largest half axis, as a fraction of the image's side.
        fold_flatness: how much of an ellipsoid's roundness the flattest has lost, as flesh that a
            chest stand or table presses flat; 1 would be a plate.
        texture_probability: how often the body is uneven, flesh and bone alike: simulated flesh is
            smoother than real fat, glands and muscle, and unevenness is then taken for bone.
        texture: largest standard deviation of the logarithm of that factor.
        texture_pixels: smallest and largest sigma of its grains, in pixels of an image 200 wide.
        blur_pixels: smallest and largest sigma of a Gaussian blur, in pixels of an image 200 wide.
        collimation_probability: how often there is a collimator; each of its four blades is then
            seen in every second picture.
        collimation: largest fraction of the image's side that a blade covers. What it covers turns
            dark, and becomes open beam.
        collimation_degrees: largest turn of the collimator either way; most are far smaller.
        penumbra_pixels: smallest and largest width of the soft edge of a blade's shadow, in pixels
            of an image 200 wide, drawn log-uniformly.
        leak: smallest and largest signal behind a blade, as a share of the open beam's, drawn
            log-uniformly.
        glow: largest additional signal behind a blade's edge, which falls with the distance.
        noise: largest standard deviation of nearly Gaussian noise where the image is 1; as with
            X-ray quanta, it falls with the square root of the grey value.
        gain: largest factor; drawn log-uniformly between its inverse and itself.
        field: standard deviation of the logarithm of a slowly varying gain.
        offset: largest brightness shift either way, as a fraction of the image's mean: what is
            little to a bright image would blot out a dark one.
        gamma: smallest and largest exponent, drawn log-uniformly.
        hospital_probability: how often the image is shown as hospital pictures are: on a
            logarithmic scale, and then at times altered in the following ways.
        curve_probability: how often such a picture's contrast follows an S-shaped curve, as film's.
        latitude_probability: how often its broad differences of brightness are reduced, as the
            processing of a digital detector does, so that lungs and abdomen are seen at once.
        latitude: largest share of them that is taken away.
        latitude_pixels: smallest and largest sigma of the blur that tells broad from fine, in
            pixels of an image 200 wide, drawn log-uniformly.
        sharpen_probability: how often its local contrast is raised.
        sharpness: largest factor of the fine structure that is then added.
        window_probability: how often its darkest and brightest grey values are clipped.
        window: largest part of the way from either end of its scale to its mean that is clipped.
        frame_probability: how often there is a plain black or white frame (padding, shutters);
            each of its four sides is then seen in every second picture.
        frame: largest fraction of the image's side that a frame covers. It is open beam.
        levels_probability: how often there are few grey levels.
        levels: smallest and largest number of steps between black and white, drawn log-uniformly.
        jpeg_probability: how often the picture is compressed as JPEG does.
        jpeg_quality: lowest and highest quality of it, 1 to 100.
        gamma_normalised_probability: how often the grey scale is in the end brought to the one that
            `xnet_tf.preprocessing.normalise_gamma` makes, as `segment` does.
    """

    moved_probability: float = 1.0
    flip_horizontal: float = 0.0
    flip_vertical: float = 0.0
    rotation_degrees: float = 0.0
    shear_degrees: float = 0.0
    translation: float = 0.0
    crop: tuple[float, float] = (0.0, 0.0)
    zoom: tuple[float, float] = (1.0, 1.0)
    elastic_pixels: float = 0.0
    elastic_points: int = 8
    elastic_probability: float = 0.0
    fold_probability: float = 0.0
    fold_depth: tuple[float, float] = (0.0, 0.0)
    fold_radius: tuple[float, float] = (0.1, 0.4)
    fold_flatness: float = 0.0
    texture_probability: float = 0.0
    texture: float = 0.0
    texture_pixels: tuple[float, float] = (0.8, 5.0)
    blur_pixels: tuple[float, float] = (0.0, 0.0)
    collimation_probability: float = 0.0
    collimation: float = 0.0
    collimation_degrees: float = 0.0
    penumbra_pixels: tuple[float, float] = (0.5, 5.0)
    leak: tuple[float, float] = (1e-4, 0.02)
    glow: float = 0.08
    noise: float = 0.0
    gain: float = 1.0
    field: float = 0.0
    offset: float = 0.0
    gamma: tuple[float, float] = (1.0, 1.0)
    hospital_probability: float = 0.0
    curve_probability: float = 0.0
    latitude_probability: float = 0.0
    latitude: float = 0.0
    latitude_pixels: tuple[float, float] = (8.0, 50.0)
    sharpen_probability: float = 0.0
    sharpness: float = 0.0
    window_probability: float = 0.0
    window: float = 0.0
    frame_probability: float = 0.0
    frame: float = 0.0
    levels_probability: float = 0.0
    levels: tuple[float, float] = (256.0, 256.0)
    jpeg_probability: float = 0.0
    jpeg_quality: tuple[float, float] = (75.0, 75.0)
    gamma_normalised_probability: float = 0.0

    @property
    def moves(self) -> bool:
        """Whether any pixel may change its place."""
        affine = (self.flip_horizontal, self.flip_vertical, self.rotation_degrees)
        affine += (self.shear_degrees, self.translation, *self.crop)
        ranges = any(affine) or self.zoom != (1.0, 1.0) or self.is_elastic
        return ranges and self.moved_probability > 0

    @property
    def is_elastic(self) -> bool:
        """Whether there may be an elastic displacement."""
        return self.elastic_pixels > 0 and self.elastic_probability > 0


# The ranges of the authors' code, step by step as the ablation adds them. Their elastic field
# (uniform noise smoothed with sigma 16 pixels, times 50 to 60) has a standard deviation of 0.56
# pixels.
_AFFINE = Augmentation(
    flip_horizontal=0.5,
    flip_vertical=0.5,
    rotation_degrees=15,
    shear_degrees=2,
    translation=0.01,
    crop=(0.1, 0.4),
)
_AFFINE_ELASTIC = replace(_AFFINE, elastic_pixels=0.56, elastic_probability=0.5)

# Wide ranges, for weights that meet radiographs of other hospitals and detectors.
_ROBUST = Augmentation(
    flip_horizontal=0.5,
    flip_vertical=0.5,
    rotation_degrees=180,
    shear_degrees=8,
    translation=0.1,
    zoom=(0.7, 1.6),
    elastic_pixels=4.0,
    elastic_probability=0.7,
    blur_pixels=(0.0, 1.2),
    collimation_probability=0.3,
    collimation=0.3,
    collimation_degrees=45,
    noise=0.04,
    gain=1.3,
    field=0.15,
    offset=0.2,
    gamma=(0.35, 1.6),
    hospital_probability=0.4,
    curve_probability=0.3,
    sharpen_probability=0.5,
    sharpness=1.2,
    window_probability=0.5,
    window=0.4,
    frame_probability=0.08,
    frame=0.15,
)

# For the weights that people use: less of what blots out ribs or turns a chest upside down, and
# most pictures stay where they are, since it is by its place that a heart is told from a spine;
# what files do to pictures; flesh that is less smooth than a simulation's; and what the processing
# of digital detectors does.
_UNEVEN = replace(
    _ROBUST,
    moved_probability=0.4,
    flip_vertical=0.0,
    rotation_degrees=30,
    shear_degrees=4,
    zoom=(0.8, 1.8),
    elastic_pixels=2.0,
    elastic_probability=0.5,
    fold_probability=0.6,
    fold_depth=(0.1, 1.5),
    fold_flatness=0.8,
    texture_probability=0.6,
    texture=0.1,
    blur_pixels=(0.0, 0.7),
    noise=0.02,
    hospital_probability=0.5,
    latitude_probability=0.5,
    latitude=0.8,
    levels_probability=0.3,
    levels=(24, 256),
    jpeg_probability=0.2,
    jpeg_quality=(30, 95),
    gamma_normalised_probability=0.5,
)

PRESETS = {
    "none": Augmentation(),
    "affine": _AFFINE,
    "affine-elastic": _AFFINE_ELASTIC,
    "paper": replace(_AFFINE_ELASTIC, blur_pixels=(0.0, 0.4)),
    "robust": _ROBUST,
    "uneven": _UNEVEN,
}

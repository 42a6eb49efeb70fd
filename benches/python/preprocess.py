"""The paper's preprocessing of ACDC (section IV-A) with nibabel, SciPy and NumPy: the fastest of the usual ways.

Images are resampled by `scipy.ndimage.zoom(order=1, grid_mode=True, mode="nearest")`, which equals scikit-image's `resize` and
is faster; labels by indexing, which is faster than either library's order 0.
"""

import multiprocessing
import resource
import time

import nibabel
import numpy as np
import scipy.ndimage

SPACING = 1.51
SIZE = (224, 224)
UNLABELLED = 255


def shape(volume, spacing):
    return [max(1, round(n * float(s) / SPACING)) for n, s in zip(volume.shape[1:], spacing)]


def crop(volume, fill):
    """Crops or pads rows and columns, centred, the smaller half before."""
    result = np.full((volume.shape[0], *SIZE), fill, volume.dtype)
    own, there = [slice(None)], [slice(None)]
    for n, m in zip(volume.shape[1:], SIZE):
        own.append(slice((n - m) // 2, (n - m) // 2 + m) if n > m else slice(None))
        there.append(slice((m - n) // 2, (m - n) // 2 + n) if m > n else slice(None))
    result[tuple(there)] = volume[tuple(own)]
    return result


def nearest(n, m):
    return np.minimum(np.floor(np.clip((np.arange(m) + 0.5) * (n / m) - 0.5, 0, n - 1) + 0.5).astype(int), n - 1)


def labels(volume, spacing, fill=0):
    rows, columns = (nearest(n, m) for n, m in zip(volume.shape[1:], shape(volume, spacing)))
    return crop(volume[:, rows[:, None], columns[None, :]], fill)


def image(volume, spacing):
    target = shape(volume, spacing)
    zoom = (1, *(m / n for n, m in zip(volume.shape[1:], target)))
    resampled = scipy.ndimage.zoom(volume.astype(np.float64), zoom, order=1, mode="nearest", grid_mode=True)
    cropped = crop(resampled, 0.0)
    low, median, high = np.percentile(cropped, (25, 50, 75))
    return ((cropped - median) / (high - low if high > low else 1.0)).astype(np.float32)


def read(path):
    """[slice, row, column], and the spacing of rows and columns."""
    file = nibabel.load(path)
    zooms = file.header.get_zooms()
    return np.asarray(file.dataobj).transpose(2, 1, 0), (zooms[1], zooms[0])


def prepare(path):
    """One volume with its mask and scribble: what the project's reader reads."""
    stem = str(path)[: -len("_gt.nii.gz")]
    pixels, spacing = read(stem + ".nii.gz")
    mask, _ = read(path)
    scribble, _ = read(stem + "_scribble.nii.gz")
    scribble = np.where(scribble == 4, UNLABELLED, scribble).astype(np.uint8)
    prepared = image(pixels, spacing)
    mask, scribble = labels(mask.astype(np.uint8), spacing), labels(scribble, spacing, UNLABELLED)
    return prepared, mask, scribble


def sums(path):
    """Volumes stay in the worker: to send them back would cost more than to make them."""
    prepared, mask, _ = prepare(path)
    return float(prepared.sum(dtype=np.float64)), int(mask.sum(dtype=np.int64))


def cpu():
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def all_volumes(root, processes):
    paths = sorted(root.glob("training/patient*/*_gt.nii.gz"))
    start, before = time.perf_counter(), cpu()
    if processes == 1:
        results = [sums(path) for path in paths]
    else:
        # Forked: the libraries are loaded already, and their loading is not timed.
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            results = pool.map(sums, paths, chunksize=4)
            pool.close()
            pool.join()
    images, masks = zip(*results)
    return {
        "volumes": len(paths),
        "wall": time.perf_counter() - start,
        "cpu": cpu() - before,
        "image_sum": sum(images),
        "label_sum": sum(masks),
    }

"""Container images: one content-addressed store (``blobs``), from which a registry serves and containers run.

``store.Images`` is ``cloud.images``: it finds, imports, pulls and unpacks images and gives directories for an overlay.
Import the modules themselves (``from cloudarium.substrate.images.blobs import BlobStore``): this package imports
nothing, so that a cloud without containers pays nothing.
"""

"""What the shop of the generated world sells."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Product:
    """Something for sale; popular ones come first in PRODUCTS."""

    name: str
    sku: str
    price_cents: int


PRODUCTS: tuple[Product, ...] = (
    Product("candle", "CAN-01", 990),
    Product("lamp", "LMP-02", 4_900),
    Product("cushion", "CUS-03", 2_450),
    Product("rug", "RUG-04", 12_900),
    Product("mug", "MUG-05", 1_199),
    Product("chair", "CHR-06", 8_995),
    Product("poster", "PST-07", 1_850),
    Product("desk", "DSK-08", 34_900),
    Product("vase", "VAS-09", 3_275),
    Product("shelf", "SHL-10", 15_950),
    Product("sofa", "SOF-11", 89_900),
    Product("gift card", "GFT-12", 5_000),
)

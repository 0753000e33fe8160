"""The demo world: one merchant, forty goods, two shops that sell the same stock.

Invariant: pure data, the same at every call. One listing per shop carries no SKU code on purpose, so that a new hub has
a case to resolve from the first minute.
"""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class DemoSku:
    """One good of the merchant. Money in CNY, tax included in the price, cost without tax."""

    code: str
    title_zh: str
    title_en: str
    price: Decimal
    cost: Decimal
    stock: int


@dataclass(frozen=True, slots=True)
class DemoListing:
    """How one shop sells a good. `sku` is None where the merchant forgot the code; `code` is the truth."""

    code: str
    sku: str | None
    title: str
    price: Decimal
    qty: int
    single: bool = False
    """an item without variants (TOP: no sku_id)"""


@dataclass(frozen=True, slots=True)
class DemoShop:
    id: str
    kind: str
    name: str
    currency: str
    listings: tuple[DemoListing, ...]


@dataclass(frozen=True, slots=True)
class DemoWorld:
    skus: tuple[DemoSku, ...]
    shops: tuple[DemoShop, ...]


_GOODS: tuple[tuple[str, str, str, str, str, int], ...] = (
    ("CUP-500-BLK", "保温杯 500ml 曜石黑", "Vacuum flask 500 ml, black", "89.00", "38.00", 120),
    ("CUP-500-WHT", "保温杯 500ml 珍珠白", "Vacuum flask 500 ml, white", "89.00", "38.00", 120),
    ("CUP-350-PNK", "便携保温杯 350ml 樱花粉", "Travel flask 350 ml, pink", "69.00", "29.50", 90),
    ("CBL-C2C-1M", "USB-C 数据线 1 米", "USB-C cable 1 m", "29.90", "8.20", 400),
    ("CBL-C2C-2M", "USB-C 数据线 2 米", "USB-C cable 2 m", "39.90", "10.60", 300),
    ("CBL-C2L-1M", "快充数据线 C 转 L 1 米", "Fast-charge cable C to L, 1 m", "49.00", "14.00", 260),
    ("CHG-GAN-65", "氮化镓充电器 65W", "GaN charger 65 W", "159.00", "72.00", 150),
    ("CHG-GAN-30", "氮化镓充电器 30W", "GaN charger 30 W", "89.00", "36.00", 180),
    ("PWR-10K-BLK", "移动电源 10000mAh 黑", "Power bank 10,000 mAh, black", "129.00", "58.00", 140),
    ("PWR-20K-WHT", "移动电源 20000mAh 白", "Power bank 20,000 mAh, white", "199.00", "94.00", 80),
    ("EAR-BT-5", "蓝牙耳机 5.3 降噪", "Bluetooth earbuds, noise cancelling", "249.00", "118.00", 100),
    ("EAR-WIRE-C", "有线耳机 Type-C", "Wired earphones, Type-C", "39.00", "12.50", 220),
    ("LMP-DESK-01", "护眼台灯 可调色温", "Desk lamp, adjustable warmth", "169.00", "78.00", 70),
    ("LMP-NIGHT-02", "人体感应小夜灯", "Motion night light", "35.00", "11.00", 200),
    ("BAG-BACK-20", "双肩背包 20L 深灰", "Backpack 20 L, dark grey", "189.00", "82.00", 60),
    ("BAG-TOTE-01", "帆布托特包 米白", "Canvas tote, natural", "59.00", "19.80", 130),
    ("UMB-AUTO-10", "十骨自动晴雨伞", "Automatic umbrella, ten ribs", "79.00", "31.00", 110),
    ("TEA-LJ-250", "西湖龙井 明前 250g", "Longjing green tea 250 g", "268.00", "140.00", 45),
    ("TEA-PU-357", "云南普洱熟茶饼 357g", "Pu'er tea cake 357 g", "198.00", "96.00", 50),
    ("COF-BEAN-500", "云南咖啡豆 中深烘 500g", "Yunnan coffee beans 500 g", "88.00", "41.00", 95),
    ("NUT-MIX-30", "每日坚果 混合装 30 包", "Daily nuts, 30 packs", "119.00", "62.00", 85),
    ("HNY-ACA-500", "洋槐蜂蜜 500g", "Acacia honey 500 g", "68.00", "30.00", 75),
    ("TWL-BATH-GRY", "纯棉浴巾 灰", "Cotton bath towel, grey", "75.00", "29.00", 140),
    ("TWL-FACE-3P", "纯棉毛巾 三条装", "Cotton face towels, set of 3", "45.00", "16.50", 210),
    ("BED-SET-15", "全棉四件套 1.5 米床", "Cotton bedding set, 1.5 m", "399.00", "188.00", 35),
    ("PIL-LATEX-01", "乳胶枕 标准款", "Latex pillow, standard", "219.00", "98.00", 55),
    ("KNF-CHEF-08", "厨师刀 8 寸", "Chef's knife 8 in", "139.00", "61.00", 65),
    ("PAN-IRON-28", "铸铁平底锅 28cm", "Cast-iron pan 28 cm", "229.00", "105.00", 40),
    ("BOX-LUNCH-2L", "双层饭盒 微波炉适用", "Two-tier lunch box", "65.00", "24.00", 125),
    ("CHP-BAM-10", "竹筷 十双装", "Bamboo chopsticks, 10 pairs", "28.00", "8.00", 320),
    ("YGA-MAT-6", "瑜伽垫 6mm 防滑", "Yoga mat 6 mm", "99.00", "42.00", 70),
    ("RPE-SKIP-01", "计数跳绳", "Counting skipping rope", "39.00", "13.00", 160),
    ("SHT-COT-M-WHT", "纯棉 T 恤 白 M", "Cotton T-shirt, white, M", "79.00", "27.00", 150),
    ("SHT-COT-L-WHT", "纯棉 T 恤 白 L", "Cotton T-shirt, white, L", "79.00", "27.00", 150),
    ("SOK-MID-5P", "中筒袜 五双装", "Crew socks, 5 pairs", "49.00", "17.00", 190),
    ("SLP-EVA-42", "EVA 拖鞋 42 码", "EVA slippers, size 42", "35.00", "11.50", 175),
    ("MSE-WL-02", "无线鼠标 静音", "Silent wireless mouse", "59.00", "22.00", 165),
    ("KBD-MECH-87", "机械键盘 87 键 茶轴", "Mechanical keyboard, 87 keys", "299.00", "142.00", 48),
    ("PHN-CASE-15", "手机壳 磨砂透明", "Phone case, matte clear", "32.00", "7.50", 380),
    ("TOY-BRICK-500", "积木 500 粒 城市系列", "Building bricks, 500 pieces", "129.00", "55.00", 62),
)
_FORGOTTEN = {"tmall": "PHN-CASE-15", "shopify": "SLP-EVA-42"}
_SINGLE_EVERY = 10


def demo_world() -> DemoWorld:
    """The whole definition: forty Skus and the two shops "tmall" and "shopify" that sell all of them."""
    skus = tuple(DemoSku(code, zh, en, Decimal(price), Decimal(cost), n) for code, zh, en, price, cost, n in _GOODS)
    return DemoWorld(
        skus=skus,
        shops=(
            DemoShop("tmall", "tmall", "天猫旗舰店", "CNY", _listings("tmall", skus)),
            DemoShop("shopify", "shopify", "Shopify 独立站", "CNY", _listings("shopify", skus)),
        ),
    )


def _listings(kind: str, skus: tuple[DemoSku, ...]) -> tuple[DemoListing, ...]:
    return tuple(
        DemoListing(
            code=sku.code,
            sku=None if sku.code == _FORGOTTEN[kind] else sku.code,
            title=sku.title_zh if kind == "tmall" else sku.title_en,
            price=sku.price,
            qty=sku.stock,
            single=kind == "tmall" and number % _SINGLE_EVERY == 0,
        )
        for number, sku in enumerate(skus)
    )

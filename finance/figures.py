"""Figures of the books for machines. Reads only."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from finance.tables import voucher


async def count_vouchers(session: AsyncSession) -> int:
    """Vouchers posted, in all books."""
    query = select(func.count()).select_from(voucher).where(voucher.c.state == "posted")
    return int((await session.execute(query)).scalar_one())

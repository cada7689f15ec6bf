"""Manual actions on tickets."""

from typing import Literal

from app.sandbox import tickets
from app.sandbox.desk.base import Desk
from app.sandbox.models import Actor, Reply, Ticket


class TicketDesk(Desk):
    """Messages of customers and staff."""

    async def open_ticket(
        self,
        client_id: int,
        subject: str,
        message: str,
        *,
        department_id: int = 2,
        priority: str = "Medium",
        by: Literal["customer", "staff"] = "customer",
        service_id: int = 0,
        name: str = "",
        email: str = "",
        admin_id: int = 2,
    ) -> Ticket:
        """Open a ticket; client id 0 is a guest with `name` and `email`."""
        client = self.state.clients.get(client_id)
        actor = Actor(kind="customer", user_id=client.user_id if client else 0)
        if by == "staff":
            actor = Actor(kind="staff", admin_id=admin_id)
        return await tickets.open_ticket(
            self.ctx,
            actor,
            client_id=client_id,
            subject=subject,
            message=message,
            department_id=department_id,
            priority=priority,
            service=f"S{service_id}" if service_id else "",
            name=name,
            email=email,
            opened_by=by,
        )

    async def reply_ticket(
        self,
        ticket_id: int,
        message: str,
        *,
        by: Literal["customer", "staff"] = "customer",
        admin_id: int = 2,
    ) -> Reply:
        ticket = tickets.find(self.ctx, ticket_id)
        return await tickets.reply(self.ctx, ticket, self._ticket_actor(ticket, by, admin_id), message=message, by=by)

    async def close_ticket(
        self, ticket_id: int, *, by: Literal["customer", "staff"] = "staff", admin_id: int = 2
    ) -> Ticket:
        ticket = tickets.find(self.ctx, ticket_id)
        await tickets.close(self.ctx, ticket, self._ticket_actor(ticket, by, admin_id))
        return ticket

    def _ticket_actor(self, ticket: Ticket, by: Literal["customer", "staff"], admin_id: int) -> Actor:
        client = self.state.clients.get(ticket.client_id)
        if by == "staff":
            return Actor(kind="staff", admin_id=admin_id)
        return Actor(kind="customer", user_id=client.user_id if client else 0)

"""A Python function as a tool, in a conversation."""

import asyncio

from hames import AgentOptions, Client, ResultMessage, tool

stock = {"apple": 12, "pear": 0}


@tool
def take(fruit: str, pieces: int) -> str:
    """Take pieces of a fruit out of the stock. Says how many are left."""
    if stock[fruit] < pieces:
        return f"There are only {stock[fruit]}."
    stock[fruit] -= pieces
    return f"{stock[fruit]} left."


async def main() -> None:
    options = AgentOptions(tools=[take], allowed_tools=["take"])
    async with Client(options) as client:
        for prompt in ("Take three apples and a pear.", "What could you not take?"):
            await client.query(prompt)
            async for message in client.receive_response():
                if isinstance(message, ResultMessage):
                    print(message.text)


asyncio.run(main())

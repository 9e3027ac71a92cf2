/// <summary>What the sample knows.</summary>
internal static class Tales
{
    public static (string Title, string Text)[] All { get; } =
    [
        ("The Yellow Hat", """
            Lily had a yellow hat. One windy day the hat flew away over the trees. Lily looked for it in the park and by the pond, but she could not see it.
            A kind owl found the hat in a tall tree. The owl brought it back to Lily. She gave the owl a sweet cookie and said thank you.
            """),
        ("The Red Boat", """
            Ben had a small red boat. He played with the boat at the river every day. One day it rained a lot and Ben lost his boat. He was very sad.
            A green frog saw the boat under the bridge. The frog jumped on it and sailed it back to Ben. Now they are best friends and sail together.
            """),
        ("The New Kitten", """
            Mia wanted a pet. On her birthday Mom gave her a little gray kitten. The name of the kitten was Pepper. Pepper liked to sleep in a big blue shoe.
            At night Pepper climbed on the bed and purred. Mia told her a story about a brave mouse, and then they both fell asleep.
            """),
        ("The Big Carrot", """
            A rabbit grew a carrot in the garden. The carrot was so big that the rabbit could not pull it out. He asked the bear for help.
            The bear and the rabbit pulled and pulled until the carrot popped out. They cooked a soup and shared it with all the animals.
            """),
    ];
}

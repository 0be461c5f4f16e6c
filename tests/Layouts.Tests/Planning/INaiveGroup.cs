namespace Nixl.Sdk.Layouts.Tests.Planning;

/// <summary>One rank's group as numbers and letters: all that <see cref="NaiveCache"/> walks.</summary>
internal interface INaiveGroup
{
    /// <summary>Bytes that a block is rounded up to; 1 is none.</summary>
    int PageAlign { get; }

    /// <summary>The letters left of the bar.</summary>
    string[] Tensors { get; }

    /// <summary>The letters up to the innermost of B and P.</summary>
    string[] Shared { get; }

    /// <summary>The letters behind it, for each component.</summary>
    string[][] Tails { get; }

    /// <summary>Bytes of one element, for each component.</summary>
    int[] ElementBytes { get; }

    /// <summary>How many there are of a letter (or of one half of a tile) in a component.</summary>
    int Size(string letter, int component);
}

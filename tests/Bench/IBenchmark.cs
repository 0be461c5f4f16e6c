namespace Nixl.Sdk.Bench;

/// <summary>One benchmark; known to the command line once <see cref="Benchmarks"/> lists it.</summary>
internal interface IBenchmark
{
    /// <summary>What it is called on the command line, and the first part of its figures' names; a dot separates its group.</summary>
    string Name { get; }

    /// <summary>One line for --help.</summary>
    string Summary { get; }

    /// <summary>Measures once. Something that does not work at all is an exception, not a figure.</summary>
    Task<IReadOnlyList<Figure>> RunAsync(bool quick);
}

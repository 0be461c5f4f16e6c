using Nixl.Sdk.Bench.Measuring;

namespace Nixl.Sdk.Bench.Generator;

/// <summary>What layout types cost a build: the generator itself, and the whole compilation against hand-written types.</summary>
internal sealed class GeneratorBenchmark : IBenchmark
{
    private const int Types = 200;

    public string Name => "generator";

    public string Summary => $"compile time of {Types} layout types, against the same types with hand-written property bodies.";

    public Task<IReadOnlyList<Figure>> RunAsync(bool quick) => Task.FromResult(Run(quick));

    private static IReadOnlyList<Figure> Run(bool quick)
    {
        var compiler = new Compiler(Sources(PropertyForm.Generated), [.. Sources(PropertyForm.HandWritten), LayoutTypes.HandWrittenSchema]);
        var (own, generated, handWritten) = (new Measurements(), new Timings(), new Timings());
        // The compiler's code is jitted here, in steps: only after some 15 compilations is it as fast as that of a warm compiler server.
        for (var warmUp = 0; warmUp < (quick ? 8 : 16); warmUp++)
        {
            compiler.CompileHandWritten();
            compiler.CompileWithGenerator();
        }

        GeneratorRun? run = null;
        for (var repetition = 0; repetition < (quick ? 3 : 9); repetition++)
        {
            handWritten.Time(compiler.CompileHandWritten);
            generated.Time(() => run = compiler.CompileWithGenerator());
            own.Add(run!.OwnTime);
        }

        if (run!.Sources.Length != Types)
            throw new InvalidOperationException($"The generator wrote {run.Sources.Length} files for {Types} types.");
        var lines = run.Sources.Sum(source => source.SourceText.Lines.Count(line => !string.IsNullOrWhiteSpace(line.ToString())));
        return
        [
            new("generator.own", own.Median, "s") { AtMost = 0.3, Note = $"in the generator's own steps, {Types} types" },
            Added("generator.compile_added", generated.Wall, handWritten.Wall, "parse, generate, emit; beyond the reference: bodies written by hand, no generator")
                with { AtMost = 1.5 },
            Added("generator.compile_added_cpu", generated.Processor, handWritten.Processor, "the same in processor time of all cores"),
            new("generator.lines_per_type", (double)lines / Types, "lines") { Note = "generated lines that are not blank; the aim is about 30" },
        ];
    }

    private static Figure Added(string name, Measurements generated, Measurements handWritten, string note) =>
        new(name, generated.Median - handWritten.Median, "s") { Reference = Comparison.Time(handWritten.Median), Note = note };

    private static string[] Sources(PropertyForm form) => [.. Enumerable.Range(0, Types).Select(number => LayoutTypes.Source(number, form))];
}

using System.CommandLine;
using Nixl.Sdk.Bench.Measuring;

namespace Nixl.Sdk.Bench;

/// <summary>What ./bench.sh takes.</summary>
internal static class CommandLine
{
    public static RootCommand Create(TextWriter output)
    {
        var names = new Argument<string[]>("name")
        {
            Description = $"What to measure; without a name everything. A benchmark, a group or a figure: {string.Join(", ", Benchmarks.Names)}.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        names.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => Benchmarks.Find(token.Value).Count == 0))
                result.AddError($"There is no benchmark '{token.Value}'. Known: {string.Join(", ", Benchmarks.Names)}.");
        });
        var quick = new Option<bool>("--quick") { Description = "Smaller and fewer: for a look, not for a comparison." };
        var check = new Option<bool>("--check") { Description = "Exit with 1 if a target is missed." };
        var list = new Option<bool>("--list") { Description = "List the benchmarks, and measure nothing." };
        var retries = new Option<int>("--retries")
        {
            Description = $"How often a figure is measured again while others use more than {ForeignLoad.Limit * 100} % of the machine.",
            DefaultValueFactory = _ => 3,
        };
        retries.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 0)
                result.AddError("--retries must not be negative.");
        });
        var root = new RootCommand("Benchmarks of Nixl.Sdk. Prints `figure NAME VALUE UNIT` lines, and a table with targets and references.")
        {
            names, quick, check, list, retries,
        };
        root.SetAction(async parse =>
        {
            if (parse.GetValue(list))
            {
                foreach (var benchmark in Benchmarks.All)
                    output.WriteLine($"{benchmark.Name,-20} {benchmark.Summary}");
                return 0;
            }

            var chosen = parse.GetValue(names) is { Length: > 0 } given ? given.SelectMany(Benchmarks.Find).Distinct() : Benchmarks.All;
            var figures = await new Runner(output, parse.GetValue(quick), parse.GetValue(retries)).RunAsync(chosen);
            return parse.GetValue(check) && figures.Any(figure => figure.Missed) ? 1 : 0;
        });
        return root;
    }
}

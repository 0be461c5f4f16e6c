using System.CommandLine;
using Nixl.Sdk.Bench;

var names = new Argument<string[]>("name")
{
    Description = "What to measure; without a name everything. "
        + string.Join(' ', Benchmarks.All.Select(benchmark => $"{benchmark.Name}: {benchmark.Summary}")),
    Arity = ArgumentArity.ZeroOrMore,
};
names.Validators.Add(result =>
{
    foreach (var token in result.Tokens.Where(token => Benchmarks.Find(token.Value) is null))
    {
        var known = string.Join(", ", Benchmarks.All.Select(benchmark => benchmark.Name));
        result.AddError($"There is no benchmark '{token.Value}'. Known: {known}.");
    }
});
var quick = new Option<bool>("--quick") { Description = "Fewer repetitions: for a look, not for a comparison." };
var root = new RootCommand("Benchmarks of Nixl.Sdk. Prints `figure NAME VALUE UNIT` lines, and a table with the targets.") { names, quick };
root.SetAction(parse =>
{
    var chosen = parse.GetValue(names) is { Length: > 0 } given ? given.Distinct().Select(name => Benchmarks.Find(name)!) : Benchmarks.All;
    foreach (var benchmark in chosen)
    {
        var load = new ForeignLoad();
        Report.Write(Console.Out, benchmark.Run(parse.GetValue(quick)));
        if (load.Describe() is { } warning)
            Console.Out.WriteLine(warning);
    }
});
return root.Parse(args).Invoke();

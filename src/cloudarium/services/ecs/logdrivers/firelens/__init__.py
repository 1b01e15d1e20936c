"""FireLens: containers' output to a log router (Fluent Bit or Fluentd) that runs beside them in the task.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_firelens.html
"""
